// Where an action is meant while time goes by: the range moves with what is typed around it, as a decoration does.

import * as vscode from 'vscode';
import { type JobArgument, Nowhere, plain, rangeOf, wholeOf } from './place';

/** What the user says of a place. */
export type Said = Pick<JobArgument, 'instruction' | 'diagnostics'>;

/** A job's argument that goes with its document, from the version that it was made for on. */
export class MovingPlace implements vscode.Disposable {
  /** Undefined where the argument is of another version than the document: where that has moved to nobody has heard. */
  private readonly document: vscode.TextDocument | undefined;
  private readonly isWhole: boolean;
  private readonly listening: vscode.Disposable | undefined;

  constructor(private argument: JobArgument) {
    const uri = vscode.Uri.parse(argument.uri).toString();
    const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri);
    this.document = document?.version === argument.version ? document : undefined;
    this.isWhole = this.document !== undefined && rangeOf(argument.range).isEqual(wholeOf(this.document));
    if (!this.document) return;
    this.listening = vscode.workspace.onDidChangeTextDocument(({ document: changed, contentChanges }) => {
      if (changed === this.document) for (const change of contentChanges) this.move(change);
    });
  }

  /** Adds what is said of it now. */
  add(said: Said): void {
    this.argument = { ...this.argument, ...said };
  }

  /** The argument as it is meant in the document's present version. */
  now(): JobArgument {
    const document = this.document;
    if (!document) return this.argument;
    if (document.isClosed) throw new Nowhere(`${vscode.workspace.asRelativePath(document.uri)} was closed meanwhile: nothing was started.`);
    const range = plain(this.isWhole ? wholeOf(document) : rangeOf(this.argument.range));
    return { ...this.argument, version: document.version, range };
  }

  dispose(): void {
    this.listening?.dispose();
  }

  private move(change: vscode.TextDocumentContentChangeEvent): void {
    const { range, diagnostics } = this.argument;
    this.argument = {
      ...this.argument,
      range: moved(range, change),
      ...(diagnostics && { diagnostics: diagnostics.map((one) => ({ ...one, range: moved(one.range, change) })) }),
    };
  }
}

/** Where a range is after a change; what is inserted at one of its ends is outside of it, and a cursor stays before it. */
function moved(range: JobArgument['range'], change: vscode.TextDocumentContentChangeEvent): JobArgument['range'] {
  const { start, end, isEmpty } = rangeOf(range);
  return plain(new vscode.Range(after(start, change, !isEmpty), after(end, change, false)));
}

/** Where a position is after a change; `yields` says that an insertion at it goes before it. */
function after(
  position: vscode.Position,
  { range: { start, end }, text }: vscode.TextDocumentContentChangeEvent,
  yields: boolean
): vscode.Position {
  const isPushed = yields && start.isEqual(end) && position.isEqual(start);
  if (position.isBeforeOrEqual(start) && !isPushed) return position;
  const lines = text.split(/\r\n|\r|\n/);
  const last = lines.at(-1)?.length ?? 0;
  const written = new vscode.Position(start.line + lines.length - 1, lines.length === 1 ? start.character + last : last);
  if (position.isBefore(end)) return position.isBefore(written) ? position : written; // in what was replaced
  const onLine = position.line === end.line;
  return new vscode.Position(
    position.line - end.line + written.line,
    onLine ? position.character - end.character + written.character : position.character
  );
}
