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
const SHOW_AGAIN = 'Show Again';
const DISCARD = 'Discard';
/** A refusal within this time came from the editor, a later one from its user. */
const NOBODY_READS_SO_FAST_MS = 1000;

/** Handles `workspace/applyEdit` as `codeteam.preview` says; the user's files are saved as after any refactoring. */
export async function applyEdit(
  client: LanguageClient | undefined,
  params: ApplyWorkspaceEditParams,
  next: Next
): Promise<ApplyWorkspaceEditResult | ResponseError<void>> {
  const refactoring = { ...params, edit: createsFirst(params.edit), metadata: { isRefactoring: true } };
  const way = needsConfirmation(params.edit) ? preview() : 'direct';
  const confirmed = { ...refactoring, edit: withoutConfirmation(refactoring.edit) };
  if (way === 'direct' || client === undefined) return next(client ? confirmed : refactoring);
  if (way === 'refactor') return inRefactorPreview(refactoring, next);
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

/** VS Code's own preview. Its entries start unticked, and Apply with nothing ticked applies nothing without a word. */
async function inRefactorPreview(params: ApplyWorkspaceEditParams, next: Next): Promise<ApplyWorkspaceEditResult | ResponseError<void>> {
  const opened = Date.now();
  const result = await next(params);
  const byTheUser = Date.now() - opened > NOBODY_READS_SO_FAST_MS;
  if (!(result instanceof ResponseError) && !result.applied && byTheUser) void offerAgain();
  return result;
}

async function offerAgain(): Promise<void> {
  const text = 'Codeteam: nothing was applied, and the proposal is kept. In the preview, tick what you want before you choose Apply.';
  if ((await vscode.window.showInformationMessage(text, SHOW_AGAIN)) === SHOW_AGAIN) await vscode.commands.executeCommand('codeteam.apply');
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
