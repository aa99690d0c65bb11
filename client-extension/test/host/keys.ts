// Keys that collide with none of VS Code's.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { Tests } from './suite';

const DEFAULTS = vscode.Uri.parse('vscode://defaultsettings/keybindings.json');

interface Binding {
  key: string;
  command: string;
}

async function defaults(): Promise<Binding[]> {
  const text = (await vscode.workspace.openTextDocument(DEFAULTS)).getText();
  const json = text.replace(/^\s*\/\/.*$/gm, '').replace(/,(\s*[\]}])/g, '$1');
  return JSON.parse(json) as Binding[];
}

export const keys: Tests = {
  'no key of ours begins or is one of another': async () => {
    const all = await defaults();
    const ours = all.filter(({ command }) => command.startsWith('codeteam.'));
    assert.ok(ours.length >= 10, `${ours.length} of ${all.length} keys are ours`);
    const beginnings = new Set(ours.map(({ key }) => key.split(' ')[0]));
    const collisions = all.filter(({ key, command }) => !command.startsWith('codeteam.') && beginnings.has(key.split(' ')[0]));
    assert.deepEqual(collisions, []);
  },
};
