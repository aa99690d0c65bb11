// `codeteam.trace`, switched on and off while the language server runs.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { languageServers } from './processes';
import type { Tests } from './suite';
import { until } from './until';

const QUIET_MS = 1500;
const LOGS = join(dirname(process.env['CODETEAM_HOST_TESTS'] ?? ''), 'data', 'logs');

/** What was traced so far. */
function traced(): string {
  const files = readdirSync(LOGS, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('Codeteam Trace.log'));
  return files.map((path) => readFileSync(join(LOGS, path), 'utf8')).join('');
}

async function ask(): Promise<void> {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  const uri = vscode.Uri.joinPath(folder?.uri ?? assert.fail('no folder is open'), 'slug.py');
  await vscode.commands.executeCommand('vscode.executeCodeActionProvider', uri, new vscode.Range(5, 4, 5, 4));
}

export const trace: Tests = {
  'what is said to the server is traced from the moment that the user wants it, and no longer': async () => {
    const settings = vscode.workspace.getConfiguration('codeteam');
    await ask();
    assert.equal(traced(), '');
    try {
      await settings.update('trace', 'messages', vscode.ConfigurationTarget.Global);
      await ask();
      await until('trace', () => traced().includes('textDocument/codeAction'));
    } finally {
      await settings.update('trace', undefined, vscode.ConfigurationTarget.Global);
    }
    await sleep(QUIET_MS); // answers that are under way
    const before = traced();
    await ask();
    await sleep(QUIET_MS);
    assert.equal(traced(), before);
  },

  'it is traced on after the server has ended and was started again': async () => {
    const settings = vscode.workspace.getConfiguration('codeteam');
    try {
      await settings.update('trace', 'messages', vscode.ConfigurationTarget.Global);
      const killed = languageServers();
      assert.equal(killed.length, 1);
      for (const pid of killed) process.kill(pid, 'SIGKILL');
      await until('next server', () => languageServers().some((pid) => !killed.includes(pid)));
      const before = traced().length;
      await until('trace of what it is asked', () => {
        void ask();
        return traced().slice(before).includes('textDocument/codeAction');
      });
    } finally {
      await settings.update('trace', undefined, vscode.ConfigurationTarget.Global);
    }
  },
};
