// A proposal before it is applied: in VS Code's refactor preview, as a multi-file diff, or at once.

import * as vscode from 'vscode';
import {
  type ApplyWorkspaceEditParams,
  type ApplyWorkspaceEditResult,
  type LanguageClient,
  MessageType,
  ResponseError,
  type WorkspaceEdit,
} from 'vscode-languageclient/node';
import { type Change, showChanges } from './changes';
import { APPLY, DISCARD, type Questions } from './questions';
import { preview } from './settings';

type Result = ApplyWorkspaceEditResult | ResponseError<void>;
type Next = (params: ApplyWorkspaceEditParams) => Promise<Result>;

const OPEN_REPORT = 'Open Report';
const SHOW_AGAIN = 'Show Again';
const NOTHING_APPLIED = 'Codeteam: nothing was applied, and the proposal is kept.';
const CHANGED_SINCE = 'Codeteam: nothing was applied yet, for a file has changed since the proposal was shown.';
/** A refusal within this time came from the editor, a later one from its user. */
const NOBODY_READS_SO_FAST_MS = 1000;

/** Handles `workspace/applyEdit` as `codeteam.preview` says; the user's files are saved as after any refactoring. */
export async function applyEdit(
  client: LanguageClient | undefined,
  params: ApplyWorkspaceEditParams,
  next: Next,
  questions: Questions
): Promise<Result> {
  const refactoring = { ...params, edit: createsFirst(params.edit), metadata: { isRefactoring: true } };
  const way = needsConfirmation(params.edit) ? preview() : 'direct';
  const confirmed = { ...refactoring, edit: withoutConfirmation(refactoring.edit) };
  if (way === 'direct' || client === undefined) return atOnce(client ? confirmed : refactoring, next);
  if (way === 'refactor') return inRefactorPreview(refactoring, next);
  const title = params.label ?? 'Codeteam proposes a change';
  const view = await showChanges(`${title}: apply it?`, await changesOf(client, params.edit), { stays: true });
  try {
    const question = `${withEvidence(title, params.edit)}. Apply it?`;
    const answer = await questions.ask({ text: question, type: MessageType.Info, answers: [APPLY, DISCARD], view });
    if (answer === undefined) void offerAgain(NOTHING_APPLIED, params.edit);
    if (answer !== APPLY) return { applied: false, failureReason: answer === DISCARD ? 'discarded' : 'its view was closed' };
  } finally {
    await view.close();
  }
  const result = await next(confirmed);
  if (result instanceof ResponseError || result.applied) return result;
  if (hasChanged(params.edit)) void vscode.window.showInformationMessage(CHANGED_SINCE);
  return refused(result, params.edit);
}

/** Without a preview; what speaks for a proposal is said afterwards. */
async function atOnce(params: ApplyWorkspaceEditParams, next: Next): Promise<Result> {
  const result = await next(params);
  if (result instanceof ResponseError || jobOf(params.edit) === undefined) return result;
  if (!result.applied) return refused(result, params.edit);
  if (descriptionOf(params.edit)) void tell(`${withEvidence(params.label ?? 'Codeteam', params.edit)} is applied.`, params.edit);
  return result;
}

/** VS Code's own preview. Its entries start unticked, and Apply with nothing ticked applies nothing without a word. */
async function inRefactorPreview(params: ApplyWorkspaceEditParams, next: Next): Promise<Result> {
  const opened = Date.now();
  const proposal = withEvidence(params.label ?? 'Codeteam proposes a change', params.edit);
  void tell(`${proposal}: tick what you want in the preview, then choose Apply there.`, params.edit);
  const result = await next(params);
  if (result instanceof ResponseError || result.applied) return result;
  const byTheUser = Date.now() - opened > NOBODY_READS_SO_FAST_MS;
  if (!byTheUser) return refused(result, params.edit);
  void offerAgain(`${NOTHING_APPLIED} In the preview, tick what you want before you choose Apply.`, params.edit);
  return { ...result, failureReason: result.failureReason ?? 'nothing was applied in its preview' };
}

/**
 * What VS Code did not take though nobody discarded it. Without a reason, which is how the client refuses an edit for
 * an older text, the server makes it anew and brings it again; with one it is kept.
 */
function refused(result: ApplyWorkspaceEditResult, edit: WorkspaceEdit): ApplyWorkspaceEditResult {
  if (hasChanged(edit)) return result;
  void offerAgain(`${NOTHING_APPLIED} VS Code did not take the edit.`, edit);
  return { ...result, failureReason: result.failureReason ?? 'VS Code did not take the edit' };
}

/** Whether a document is no longer at the version that the edit was made for. */
function hasChanged(edit: WorkspaceEdit): boolean {
  const versions = new Map(vscode.workspace.textDocuments.map(({ uri, version }) => [uri.toString(), version]));
  return (edit.documentChanges ?? []).some((change) => {
    if (!('textDocument' in change) || change.textDocument.version === null) return false;
    return versions.get(vscode.Uri.parse(change.textDocument.uri).toString()) !== change.textDocument.version;
  });
}

async function offerAgain(text: string, edit: WorkspaceEdit): Promise<void> {
  if ((await vscode.window.showInformationMessage(text, SHOW_AGAIN)) === SHOW_AGAIN)
    await vscode.commands.executeCommand('codeteam.apply', { jobId: jobOf(edit) });
}

/** Said with a way to all of it: without a button VS Code shows a line of a message. */
async function tell(text: string, edit: WorkspaceEdit): Promise<void> {
  if ((await vscode.window.showInformationMessage(text, OPEN_REPORT)) === OPEN_REPORT)
    await vscode.commands.executeCommand('codeteam.openReport', { jobId: jobOf(edit) });
}

/** The job that proposes an edit: its annotation is named for it. */
function jobOf(edit: WorkspaceEdit): string | undefined {
  return Object.keys(edit.changeAnnotations ?? {})[0];
}

/** VS Code shows the description of an edit nowhere: it is said beside its name. */
function withEvidence(title: string, edit: WorkspaceEdit): string {
  const note = descriptionOf(edit);
  return note ? `${title} (${note})` : title;
}

/**
 * New files before all else: VS Code undoes an edit in one step only where no text was changed before a file was made.
 * (1.139: with the text first, the first undo does nothing.)
 */
function createsFirst(edit: WorkspaceEdit): WorkspaceEdit {
  const changes = edit.documentChanges;
  if (!changes || changes.some((change) => 'kind' in change && change.kind !== 'create')) return edit;
  return {
    ...edit,
    documentChanges: [...changes.filter((change) => 'kind' in change), ...changes.filter((change) => !('kind' in change))],
  };
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
