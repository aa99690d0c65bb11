// Proposed changes side by side, in VS Code's multi-file diff.

import * as vscode from 'vscode';
import { documents } from './documents';

export interface Change {
  uri: vscode.Uri;
  /** Null for a new file. */
  before: string | null;
  after: string;
}

/** Changes that are shown. */
export interface View {
  /** Where they are; none where the user has closed them. */
  tabs: () => vscode.Tab[];
  /** Closes their tab and forgets the texts. */
  close: () => Promise<void>;
}

/** Opens the changes; a view that `stays` gives no place to the next file that is only looked at. */
export async function showChanges(title: string, changes: readonly Change[], { stays = false } = {}): Promise<View> {
  const shown = changes.map(({ uri, before, after }) => {
    const name = vscode.workspace.asRelativePath(uri);
    return { uri, isNew: before === null, left: documents.put(name, before ?? ''), right: documents.put(name, after) };
  });
  const [only, ...others] = shown;
  if (only && others.length === 0) {
    await vscode.commands.executeCommand('vscode.diff', only.left, only.right, title, { preview: !stays });
  } else {
    const resources = shown.map(({ uri, isNew, left, right }) => [uri, isNew ? undefined : left, right]);
    await vscode.commands.executeCommand('vscode.changes', title, resources);
    if (stays) await vscode.commands.executeCommand('workbench.action.keepEditor');
  }
  const tabs = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => shows(tab, title, shown));
  return {
    tabs,
    close: async () => {
      await vscode.window.tabGroups.close(tabs());
      for (const { left, right } of shown) documents.forget(left, right);
    },
  };
}

function shows(tab: vscode.Tab, title: string, shown: readonly { right: vscode.Uri }[]): boolean {
  if (tab.input instanceof vscode.TabInputTextDiff) {
    const right = tab.input.modified.toString();
    return shown.some((change) => change.right.toString() === right);
  }
  return shown.length > 1 && tab.label.startsWith(title); // a multi-file diff does not tell what it shows; its label ends in a number of files
}
