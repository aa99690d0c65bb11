// The language server's process: what starts it, and what its start leaves behind.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { bundle } from '../../src/bundle';
import { WorkerEnvironment } from '../../src/environment';
import { findPython } from '../../src/python';
import { languageServers } from './processes';
import type { Tests } from './suite';
import { until } from './until';

const DAY_MS = 86_400_000;
const LONG_AGO = new Date(Date.now() - 40 * DAY_MS);
const STORAGE = join(dirname(process.env['CODETEAM_HOST_TESTS'] ?? ''), 'data', 'User', 'globalStorage', 'codeteam.codeteam');
const PYTHON = process.env['CODETEAM_WORKER_PYTHON'] ?? '';

async function restart(): Promise<void> {
  await vscode.commands.executeCommand('codeteam.restart');
}

/**
 * Chooses Pythons while `work` goes on. Each leaves a file beside it when it is asked what it is, `NAME.asked`; what it
 * is told to take, in seconds, is for its answer and for a server's start.
 */
async function choosing(work: (choose: (name: string, takes?: { answer?: number; start?: number }) => Promise<string>) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'codeteam-host-'));
  const settings = vscode.workspace.getConfiguration('codeteam');
  const before = settings.inspect<string>('pythonPath')?.globalValue;
  const { version } = await findPython();
  try {
    await work(async (name, { answer = 0, start = 0 } = {}) => {
      const path = join(folder, name);
      const found = JSON.stringify({ path, version: version.split('.').map(Number), complete: true });
      const asked = `*" -c "*) touch "$0.asked"; sleep ${answer}; echo '${found}' ;;`;
      const script = `#!/bin/sh\ncase " $* " in\n${asked}\n*) sleep ${start}; exec ${PYTHON} "$@" ;;\nesac\n`;
      writeFileSync(path, script, { mode: 0o755 });
      await settings.update('pythonPath', path, vscode.ConfigurationTarget.Global);
      return path;
    });
  } finally {
    await settings.update('pythonPath', before, vscode.ConfigurationTarget.Global);
    await restart();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const serving: Tests = {
  'who restarts a server that is starting gets one server, and the extension knows it': async () => {
    await restart();
    const before = languageServers();
    assert.equal(before.length, 1);
    await choosing(async (choose) => {
      await choose('slow', { start: 2 });
      await until('server that starts', () => languageServers().some((pid) => !before.includes(pid)));
      await Promise.all([restart(), restart()]);
      const [left, ...others] = languageServers();
      assert.ok(left !== undefined && others.length === 0);
      await vscode.commands.executeCommand('codeteam.refreshJobs'); // starts a server where the extension knows of none
      assert.deepEqual(languageServers(), [left]);
    });
  },

  'a Python that is chosen while another is looked at is the one that is used': async () => {
    await choosing(async (choose) => {
      const first = await choose('slow', { answer: 2 });
      await until('question to the first', () => existsSync(`${first}.asked`));
      const second = await choose('quick');
      await until('question to the second', () => existsSync(`${second}.asked`));
    });
  },

  'an environment that a server starts with is in use: it is not taken for an old one': async () => {
    const { extensionPath } = vscode.extensions.getExtension('codeteam.codeteam') ?? assert.fail('Codeteam is not installed');
    const carried = bundle({ asAbsolutePath: (path: string) => join(extensionPath, path) } as vscode.ExtensionContext);
    const log = vscode.window.createOutputChannel('Codeteam tests', { log: true });
    delete process.env['CODETEAM_WORKER_PYTHON'];
    const { interpreter } = await WorkerEnvironment.of(vscode.Uri.file(STORAGE), await findPython(), carried, log);
    const folder = dirname(dirname(interpreter));
    const stamp = join(folder, 'codeteam.json');
    try {
      mkdirSync(dirname(interpreter), { recursive: true });
      writeFileSync(interpreter, `#!/bin/sh\nexec ${PYTHON} "$@"\n`, { mode: 0o755 });
      writeFileSync(stamp, '{}');
      utimesSync(stamp, LONG_AGO, LONG_AGO);
      await restart();
      assert.ok(Date.now() - statSync(stamp).mtimeMs < DAY_MS, 'its stamp is of today');
    } finally {
      process.env['CODETEAM_WORKER_PYTHON'] = PYTHON;
      await restart();
      rmSync(folder, { recursive: true, force: true });
      log.dispose();
    }
  },
};
