// Texts that are no files: a proposal's, a plan, the runs of a job. They live as long as the window.

import * as vscode from 'vscode';

export const SCHEME = 'codeteam';

class Documents implements vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private count = 0;

  /** Keeps a text under an address of its own; the path is `name` alone, so that a diff of two is not taken for a renaming. */
  put(name: string, text: string): vscode.Uri {
    this.count += 1;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}`, query: `${this.count}` });
    this.texts.set(uri.toString(), text);
    return uri;
  }

  /** Keeps a text under the same address each time, so that an open tab shows the newest. */
  set(path: string, text: string): vscode.Uri {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${path}` });
    const before = this.texts.get(uri.toString());
    this.texts.set(uri.toString(), text);
    if (before !== undefined && before !== text) this.changed.fire(uri);
    return uri;
  }

  forget(...uris: vscode.Uri[]): void {
    for (const uri of uris) this.texts.delete(uri.toString());
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? '';
  }
}

/** The one provider of this window: an address must lead to its text from wherever it is opened. */
export const documents = new Documents();
