// A proposal before it is applied: in VS Code's refactor preview, as a multi-file diff, or at once.

import * as vscode from 'vscode';
import {
  type ApplyWorkspaceEditParams,
  type ApplyWorkspaceEditResult,
  type LanguageClient,
  ResponseError,
  type WorkspaceEdit,
} from 'vscode-languageclient/node';
import { type Change, showChanges } from './changes';
import { preview } from './settings';

type Next = (params: ApplyWorkspaceEditParams) => Promise<ApplyWorkspaceEditResult | ResponseError<void>>;

const APPLY = 'Apply';
const APPLY_ALL = 'Apply All';
const DISCARD = 'Discard';

/** Handles `workspace/applyEdit` as `codeteam.preview` says; the user's files are saved as after any refactoring. */
export async function applyEdit(
  client: LanguageClient | undefined,
  params: ApplyWorkspaceEditParams,
  next: Next
): Promise<ApplyWorkspaceEditResult | ResponseError<void>> {
  const refactoring = { ...params, metadata: { isRefactoring: true } };
  const way = needsConfirmation(params.edit) ? preview() : 'direct';
  const confirmed = { ...refactoring, edit: withoutConfirmation(params.edit) };
  if (way === 'direct' || client === undefined) return next(client ? confirmed : refactoring);
  if (way === 'refactor') return inRefactorPreview(refactoring, confirmed, next);
  const opened = await showChanges(params.label ?? 'Codeteam', await changesOf(client, params.edit));
  try {
    const note = descriptionOf(params.edit);
    const question = `${params.label ?? 'Codeteam proposes a change'}${note ? ` (${note})` : ''}. Apply it?`;
    const answer = await vscode.window.showInformationMessage(question, APPLY, DISCARD);
    if (answer !== APPLY) return { applied: false, failureReason: 'discarded' };
  } finally {
    await opened.close();
  }
  return next(confirmed);
}

/**
 * VS Code's own preview. Its entries start unticked, and Apply with nothing ticked counts as applied: what was not
 * applied is told apart by looking, and not taken for it.
 */
async function inRefactorPreview(
  asked: ApplyWorkspaceEditParams,
  confirmed: ApplyWorkspaceEditParams,
  next: Next
): Promise<ApplyWorkspaceEditResult | ResponseError<void>> {
  const before = await textsOf(asked.edit);
  const result = await next(asked);
  if (result instanceof ResponseError || !result.applied || (await textsOf(asked.edit)) !== before) return result;
  const text = 'Nothing was ticked in the refactor preview, so nothing was changed.';
  if ((await vscode.window.showInformationMessage(text, APPLY_ALL)) === APPLY_ALL) return next(confirmed);
  return { applied: false, failureReason: 'nothing was ticked in the preview' };
}

/** The texts of the edit's files, to compare. */
async function textsOf(edit: WorkspaceEdit): Promise<string> {
  const uris = (edit.documentChanges ?? []).map((change) =>
    'textDocument' in change ? change.textDocument.uri : 'uri' in change ? change.uri : ''
  );
  const texts = [...new Set(uris)].filter(Boolean).map(async (uri) => (await openIfThere(vscode.Uri.parse(uri)))?.getText() ?? null);
  return JSON.stringify(await Promise.all(texts));
}

function needsConfirmation(edit: WorkspaceEdit): boolean {
  return Object.values(edit.changeAnnotations ?? {}).some((annotation) => annotation.needsConfirmation);
}

function withoutConfirmation(edit: WorkspaceEdit): WorkspaceEdit {
  const annotations = Object.entries(edit.changeAnnotations ?? {});
  return {
    ...edit,
    changeAnnotations: Object.fromEntries(annotations.map(([id, annotation]) => [id, { ...annotation, needsConfirmation: false }])),
  };
}

function descriptionOf(edit: WorkspaceEdit): string {
  return Object.values(edit.changeAnnotations ?? {})[0]?.description ?? '';
}

/** Each file of the edit as it is and as it would be. */
async function changesOf(client: LanguageClient, edit: WorkspaceEdit): Promise<Change[]> {
  const converted = await client.protocol2CodeConverter.asWorkspaceEdit(edit);
  const changes: Change[] = [];
  for (const [uri, edits] of converted.entries()) {
    const document = await openIfThere(uri);
    changes.push({ uri, before: document?.getText() ?? null, after: edited(document, edits) });
  }
  return changes;
}

async function openIfThere(uri: vscode.Uri): Promise<vscode.TextDocument | undefined> {
  try {
    return await vscode.workspace.openTextDocument(uri);
  } catch {
    return undefined; // the edit creates it
  }
}

/** The text with edits that do not overlap, as LSP has them. */
function edited(document: vscode.TextDocument | undefined, edits: readonly vscode.TextEdit[]): string {
  if (!document) return edits.map((edit) => edit.newText).join('');
  let text = document.getText();
  const backwards = [...edits].sort((a, b) => b.range.start.compareTo(a.range.start));
  for (const edit of backwards) {
    text = text.slice(0, document.offsetAt(edit.range.start)) + edit.newText + text.slice(document.offsetAt(edit.range.end));
  }
  return text;
}
