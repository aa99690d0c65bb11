// Where an action is meant: what the lightbulb gave, a file of the explorer, or the selection.

import * as vscode from 'vscode';
import type { Intent, PastJob } from './protocol';
import { CODE, LANGUAGES } from './server';

/** Argument of the commands that start a job, as docs/protocol.md has it. */
export interface JobArgument {
  uri: string;
  version: number | null;
  range: { start: Position; end: Position };
  instruction?: string;
  diagnostics?: { range: { start: Position; end: Position }; message: string; source?: string; code?: string | number }[];
}

interface Position {
  line: number;
  character: number;
}

/** There is nothing to act on; the message says what to do. */
export class Nowhere extends Error {}

/** Whether the language server made this argument itself. */
export function isArgument(value: unknown): value is JobArgument {
  return typeof value === 'object' && value !== null && 'range' in value && typeof (value as JobArgument).uri === 'string';
}

/** The argument for what the user points at: a file of the explorer, which `stays` open, else the active editor's selection. */
export async function placeOf(target: unknown, stays = false): Promise<JobArgument> {
  const active = vscode.window.activeTextEditor;
  if (target instanceof vscode.Uri && target.toString() !== active?.document.uri.toString()) {
    const document = await openText(target, stays);
    return argumentOf(document, wholeOf(document));
  }
  if (!active) throw new Nowhere('Open a file first, and select a requirement or some code.');
  check(active.document);
  return argumentOf(active.document, active.selection);
}

/** Where a path of a job's proposal or findings leads; undefined where the job had neither a folder nor a document. */
export function uriOf({ workspace, uri }: Pick<PastJob, 'workspace' | 'uri'>, path: string): vscode.Uri | undefined {
  if (/^(\/|[A-Za-z]:[\\/])/.test(path)) return vscode.Uri.file(path);
  if (workspace) return vscode.Uri.joinPath(vscode.Uri.file(workspace), path);
  return uri ? vscode.Uri.joinPath(vscode.Uri.parse(uri), '..', path) : undefined;
}

/** Opens a job's document, which the server has to see to do the job again. */
export async function openForRerun({ uri, title }: Pick<PastJob, 'uri' | 'title'>): Promise<void> {
  const wanted = vscode.Uri.parse(uri);
  if (vscode.workspace.textDocuments.some((document) => document.uri.toString() === wanted.toString())) return;
  const gone = new Nowhere(`“${title}” cannot be run again: its document is not there any more.`);
  if (!uri || wanted.scheme === 'untitled') throw gone;
  try {
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(wanted));
  } catch {
    throw gone;
  }
}

/** The problems that touch the range, or its line where nothing is selected. */
export function problemsAt({ uri, range }: JobArgument): JobArgument['diagnostics'] {
  const { start } = range;
  const place = rangeOf(range);
  return vscode.languages
    .getDiagnostics(vscode.Uri.parse(uri))
    .filter((problem) =>
      place.isEmpty ? problem.range.start.line <= start.line && start.line <= problem.range.end.line : place.intersection(problem.range)
    )
    .map((problem) => ({
      range: plain(problem.range),
      message: problem.message,
      ...(problem.source && { source: problem.source }),
      ...codeOf(problem),
    }));
}

export function isEmpty({ range }: JobArgument): boolean {
  return range.start.line === range.end.line && range.start.character === range.end.character;
}

/** Whether a file of the explorer is one that this may be done with: requirements are only implemented. */
export async function isOurs(uri: vscode.Uri, intent: Intent): Promise<boolean> {
  return vscode.workspace.openTextDocument(uri).then(
    (document) => fault(document) === '' && (intent === 'implement' || CODE.includes(document.languageId)),
    () => false // a folder, or no text
  );
}

async function openText(uri: vscode.Uri, stays: boolean): Promise<vscode.TextDocument> {
  try {
    const document = await vscode.workspace.openTextDocument(uri);
    check(document);
    // shown, so that it stays open, and the user sees what the job is about
    await vscode.window.showTextDocument(document, { preview: !stays });
    return document;
  } catch (error) {
    if (error instanceof Nowhere) throw error;
    throw new Nowhere(`${vscode.workspace.asRelativePath(uri)} is no text file that can be opened.`);
  }
}

function check(document: vscode.TextDocument): void {
  const why = fault(document);
  if (why) throw new Nowhere(why);
}

/** Why Codeteam does not work on a document; empty where it does. */
function fault({ languageId, uri }: vscode.TextDocument): string {
  if (!LANGUAGES.includes(languageId)) return `Codeteam works on ${CODE.join(', ')}, and on requirements in Markdown or plain text.`;
  return ['file', 'untitled'].includes(uri.scheme) ? '' : 'Codeteam works on files and on new documents.';
}

function argumentOf({ uri, version }: vscode.TextDocument, range: vscode.Range): JobArgument {
  return { uri: uri.toString(), version, range: plain(range) };
}

export function wholeOf(document: vscode.TextDocument): vscode.Range {
  return document.validateRange(new vscode.Range(0, 0, document.lineCount, 0));
}

export function rangeOf({ start, end }: JobArgument['range']): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}

export function plain({ start, end }: vscode.Range): JobArgument['range'] {
  return { start: { line: start.line, character: start.character }, end: { line: end.line, character: end.character } };
}

function codeOf({ code }: vscode.Diagnostic): { code?: string | number } {
  if (code === undefined) return {};
  return { code: typeof code === 'object' ? code.value : code };
}
