// The menu of code actions, asked for as VS Code asks.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Tests } from './suite';

const PATIENCE_MS = 120_000;

/** The titles of ours, once the server answers. */
async function offered(name: string, range: vscode.Range): Promise<string[]> {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  assert.ok(folder);
  const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder.uri, name));
  await vscode.window.showTextDocument(document);
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(200)) {
    const asked = vscode.commands.executeCommand<vscode.CodeAction[]>('vscode.executeCodeActionProvider', document.uri, range);
    const actions = await asked.then(undefined, (error: Error) => {
      if (error.name !== 'Canceled') throw error;
      return []; // VS Code asks by itself when an editor comes to the front, and cancels who asked before
    });
    const titles = actions.map(({ title }) => title).filter((title) => title.startsWith('Codeteam'));
    if (titles.length || Date.now() > end) {
      assert.ok(!document.isDirty, 'to ask changes nothing');
      return titles;
    }
  }
}

export const menu: Tests = {
  'a stub is offered to be implemented': async () => {
    assert.ok((await offered('slug.py', new vscode.Range(5, 4, 5, 4))).includes('Codeteam: implement slug'));
  },

  'what is no code is offered as a requirement': async () => {
    const titles = await offered('wishes.md', new vscode.Range(2, 0, 2, 40));
    assert.ok(titles.includes('Codeteam: implement the selected requirement'), titles.join(', '));
  },
};
