// A place that is meant while its document changes, and the command that waits with it.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { MovingPlace } from '../../src/moving';
import { type JobArgument, plain, rangeOf } from '../../src/place';
import type { Tests } from './suite';
import { until } from './until';

const TEXT = 'import re\n\n\ndef slug( text ):\n    return text\n\n\nprint(slug("a"))\n';
const FUNCTION = new vscode.Range(3, 0, 4, 15);
const CURSOR = new vscode.Range(3, 17, 3, 17);

type Edit = [range: vscode.Range, text: string];

/** What a place is after these edits, which are one change: the argument, and the text that it is about. */
async function after(place: vscode.Range, ...edits: Edit[]): Promise<{ argument: JobArgument; text: string; at: vscode.Range }> {
  const document = await vscode.workspace.openTextDocument({ language: 'python', content: TEXT });
  const diagnostics = [{ range: plain(FUNCTION), message: 'It is wrong' }];
  const moving = new MovingPlace({ uri: document.uri.toString(), version: document.version, range: plain(place) });
  moving.add({ instruction: 'Do it', diagnostics });
  const edit = new vscode.WorkspaceEdit();
  for (const [range, text] of edits) edit.replace(document.uri, range, text);
  assert.ok(await vscode.workspace.applyEdit(edit));
  const argument = moving.now();
  moving.dispose();
  assert.equal(argument.version, document.version);
  assert.equal(argument.instruction, 'Do it');
  const at = rangeOf(argument.range);
  return { argument, text: document.getText(at), at };
}

function inserted(line: number, character: number, text: string): Edit {
  return [new vscode.Range(line, character, line, character), text];
}

export const moving: Tests = {
  'a place moves with what is changed around it': async () => {
    const whole = 'def slug( text ):\n    return text';
    const above = await after(FUNCTION, inserted(0, 0, 'import os\n'), [new vscode.Range(1, 0, 2, 0), '']);
    assert.equal(above.text, whole);
    assert.deepEqual(above.argument.diagnostics?.[0]?.range, plain(FUNCTION), 'a line more, and one less');
    assert.equal((await after(FUNCTION, inserted(1, 0, '# one\n# two\n'))).at.start.line, 5);
    const beside = await after(FUNCTION, inserted(3, 0, '@cache\n'), inserted(4, 15, '  # so'));
    assert.equal(beside.text, whole, 'what is written at its ends is outside of it');
    const onLine = await after(new vscode.Range(3, 4, 3, 8), inserted(3, 0, 'async '));
    assert.equal(onLine.text, 'slug');
  },

  'a place keeps what is changed within it': async () => {
    const formatted = await after(FUNCTION, [new vscode.Range(3, 9, 3, 15), 'text'], inserted(4, 4, 'x = 1\n    '), inserted(7, 0, '\n'));
    assert.equal(formatted.text, 'def slug(text):\n    x = 1\n    return text');
    const rewritten = await after(FUNCTION, [new vscode.Range(3, 0, 5, 0), 'def slug(text):\n    return text\n']);
    assert.equal(rewritten.text, 'def slug(text):\n    return text');
    const gone = await after(FUNCTION, [new vscode.Range(2, 0, 6, 0), '']);
    assert.deepEqual(gone.at, new vscode.Range(2, 0, 2, 0));
  },

  'a cursor stays where the command was chosen, and a whole document is whole': async () => {
    assert.deepEqual((await after(CURSOR, inserted(3, 17, '\n    pass'))).at, CURSOR);
    assert.deepEqual((await after(CURSOR, inserted(0, 0, '\n'))).at, CURSOR.with(new vscode.Position(4, 17), new vscode.Position(4, 17)));
    const all = await after(new vscode.Range(0, 0, 8, 0), inserted(0, 0, '# first\n'), inserted(8, 0, '# last\n'));
    assert.equal(all.text, `# first\n${TEXT}# last\n`);
  },

  'a place of another version is left as it is: the server refuses it': async () => {
    const document = await vscode.workspace.openTextDocument({ language: 'python', content: TEXT });
    const old = { uri: document.uri.toString(), version: document.version - 1, range: plain(FUNCTION) };
    const place = new MovingPlace(old);
    assert.deepEqual(place.now(), old);
    place.dispose();
  },

  'a job starts though its document was changed while the user was asked': async () => {
    const [folder] = vscode.workspace.workspaceFolders ?? [];
    const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder?.uri ?? assert.fail('no folder'), 'slug.py'));
    const editor = await vscode.window.showTextDocument(document);
    const before = document.getText();
    editor.selection = new vscode.Selection(3, 0, 5, 7);
    let jobId: unknown;
    let isOver = false;
    const job = vscode.commands.executeCommand('codeteam.refactor').then((answer) => {
      jobId = answer;
      isOver = true;
    });
    try {
      const edit = new vscode.WorkspaceEdit();
      edit.insert(document.uri, new vscode.Position(0, 0), '"""Said before."""\n');
      assert.ok(await vscode.workspace.applyEdit(edit));
      await until('answer to the box', () => {
        void vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
        return isOver;
      });
      await job;
      assert.equal(typeof jobId, 'string');
    } finally {
      await vscode.commands.executeCommand('codeteam.cancel', { jobId });
      await vscode.commands.executeCommand('undo');
      await until('text as it was', () => document.getText() === before);
      await document.save();
    }
  },
};
