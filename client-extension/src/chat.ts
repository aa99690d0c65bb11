// `codeteam/chat`: the editor's own models, asked for the team.

import * as vscode from 'vscode';
import { type LanguageClient, LSPErrorCodes, ResponseError } from 'vscode-languageclient/node';
import { type ChatAnswer, type ChatParams, type ChatRefusal, chatPart } from './protocol';

type Refusal = ResponseError<ChatRefusal>;

/** Answers one request of the server's; a refusal says in plain words what the user can do. */
export async function answerChat(
  client: LanguageClient,
  params: ChatParams,
  token: vscode.CancellationToken
): Promise<ChatAnswer | Refusal> {
  if (!vscode.workspace.isTrusted) return refusal('blocked', 'This workspace is not trusted; nothing of it is sent to a model.');
  try {
    const model = await find(params.model);
    if (!model) return refusal('not_found', absent(params.model));
    return await ask(client, model, params, token);
  } catch (error) {
    return explained(error, token);
  }
}

/** The models that the editor offers; none where it has no provider. */
export async function editorModels(): Promise<vscode.LanguageModelChat[]> {
  return vscode.lm.selectChatModels().then(
    (models) => [...models],
    () => []
  );
}

async function ask(
  client: LanguageClient,
  model: vscode.LanguageModelChat,
  params: ChatParams,
  token: vscode.CancellationToken
): Promise<ChatAnswer> {
  const messages = params.messages.map(({ role, text }) =>
    role === 'assistant' ? vscode.LanguageModelChatMessage.Assistant(text) : vscode.LanguageModelChatMessage.User(text)
  );
  const options = { justification: `Codeteam: ${params.label}`, modelOptions: { temperature: params.temperature } };
  const response = await model.sendRequest(messages, options, token);
  let text = '';
  for await (const part of response.text) {
    text += part;
    await client.sendNotification(chatPart, { chatId: params.chatId, text: part });
  }
  if (token.isCancellationRequested) throw new vscode.CancellationError();
  const counts = await Promise.all([...messages, text].map((message) => model.countTokens(message))).catch(() => undefined);
  return {
    text,
    model: model.id,
    promptTokens: counts ? counts.slice(0, -1).reduce((sum, count) => sum + count, 0) : null,
    completionTokens: counts?.at(-1) ?? null,
  };
}

/** By its id, its family or its name; the first that the editor lists where none is named. */
async function find(name: string): Promise<vscode.LanguageModelChat | undefined> {
  const models = await editorModels();
  if (!name) return models[0];
  return (
    models.find((model) => model.id === name) ??
    models.find((model) => `${model.vendor}/${model.id}` === name) ??
    models.find((model) => model.family === name) ??
    models.find((model) => model.name === name)
  );
}

function absent(name: string): string {
  return name
    ? `The editor has no model ${name}. Choose another with “Codeteam: Choose Model”.`
    : 'The editor has no models of its own. Install an extension that brings some, or choose another model with “Codeteam: Choose Model”.';
}

/** The editor's errors, in words that say what to do. */
export function explained(error: unknown, token?: vscode.CancellationToken): Refusal {
  if (token?.isCancellationRequested || error instanceof vscode.CancellationError)
    return refusal('cancelled', 'The request was cancelled.');
  const said = wordsOf(error);
  const code = error instanceof vscode.LanguageModelError ? error.code : '';
  if (/quota|rate.?limit|too many requests|\b429\b/i.test(said)) {
    return refusal(
      'quota',
      `The quota of the editor's model is used up: ${said} Wait, or choose another model with “Codeteam: Choose Model”.`
    );
  }
  if (code === vscode.LanguageModelError.NoPermissions.name) {
    return refusal(
      'consent',
      'Codeteam may not use the editor’s model: you have not allowed it. “Manage Language Model Access” in the accounts menu changes that.'
    );
  }
  if (code === vscode.LanguageModelError.NotFound.name) return refusal('not_found', `The editor's model is gone: ${said} Choose another.`);
  if (code === vscode.LanguageModelError.Blocked.name) return refusal('blocked', `The editor's model refuses the request: ${said}`);
  return refusal('failed', `The editor's model failed: ${said}`);
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return sentence(String(error));
  const cause = error.cause instanceof Error && error.cause.message !== error.message ? `${error.cause.message} ` : '';
  return sentence(`${error.message} ${cause}`);
}

function sentence(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim().slice(0, 500);
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}

function refusal(kind: ChatRefusal['kind'], message: string): Refusal {
  return new ResponseError(kind === 'cancelled' ? LSPErrorCodes.RequestCancelled : LSPErrorCodes.RequestFailed, message, { kind, message });
}
