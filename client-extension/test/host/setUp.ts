// The worker's environment: where it cannot be made the user is told why, and nothing half-made stays.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Bundle } from '../../src/bundle';
import { SetUpFailed, WorkerEnvironment } from '../../src/environment';
import { findPython, NoPython } from '../../src/python';
import type { Tests } from './suite';

const PROGRESS = { report: () => {} };
const NEVER = new vscode.CancellationTokenSource().token;
const HASH = `sha256:${'0'.repeat(64)}`;

/** Makes an environment of this lock; `given` is the variable that would name a prepared one. */
async function making(lock: string, token: vscode.CancellationToken, settings: Record<string, string> = {}): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'codeteam-host-'));
  const given = process.env['CODETEAM_WORKER_PYTHON'];
  delete process.env['CODETEAM_WORKER_PYTHON'];
  const log = vscode.window.createOutputChannel('Codeteam tests', { log: true });
  try {
    for (const [name, value] of Object.entries(settings)) await set(name, value);
    const path = join(folder, 'worker.lock');
    writeFileSync(path, lock);
    const { extensionPath } = vscode.extensions.getExtension('codeteam.codeteam') ?? { extensionPath: '' };
    const uv = join(extensionPath, 'client-extension', 'bundled', 'locks', 'uv.lock');
    const carried: Bundle = { paths: [], locks: { uv, worker: path, embedded: path } };
    const python = await findPython();
    const environment = await WorkerEnvironment.of(vscode.Uri.file(folder), python, carried, log);
    assert.equal(environment.ready, false);
    const failure = await environment.make(PROGRESS, token).then(
      () => undefined,
      (error: unknown) => error
    );
    assert.deepEqual(readdirSync(join(folder, 'worker')), failure ? [] : [environment.interpreter.split('/').at(-3)]);
    assert.equal(environment.ready, !failure);
    assert.equal(existsSync(environment.interpreter), !failure);
    return failure;
  } finally {
    for (const name of Object.keys(settings)) await set(name, undefined);
    if (given !== undefined) process.env['CODETEAM_WORKER_PYTHON'] = given;
    log.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function set(name: string, value: string | undefined): Promise<void> {
  await vscode.workspace.getConfiguration('codeteam').update(name, value, vscode.ConfigurationTarget.Global);
}

export const setUp: Tests = {
  'an environment is made, and found again': async () => {
    assert.equal(await making('', NEVER), undefined);
  },

  'a wheelhouse that lacks a package is named with it, and no index is asked': async () => {
    const wheels = mkdtempSync(join(tmpdir(), 'codeteam-wheels-'));
    const failure = await making(`attrs==99.1 --hash=${HASH}\n`, NEVER, { wheelhouse: wheels });
    rmSync(wheels, { recursive: true });
    assert.ok(failure instanceof SetUpFailed, String(failure));
    assert.match(failure.message, /attrs|uv==/); // uv itself, where the machine has none
    assert.ok(failure.message.includes(wheels), failure.message);
  },

  'cancelling leaves nothing behind': async () => {
    const source = new vscode.CancellationTokenSource();
    setTimeout(() => source.cancel(), 50);
    const failure = await making(`attrs==99.1 --hash=${HASH}\n`, source.token);
    assert.ok(failure instanceof vscode.CancellationError, String(failure));
  },

  'a Python that is none is said to be none': async () => {
    const before = vscode.workspace.getConfiguration('codeteam').inspect<string>('pythonPath')?.globalValue;
    await set('pythonPath', '/nonexistent/python');
    await assert.rejects(findPython(), (error) => error instanceof NoPython && /no Python that runs/.test(error.message));
    await set('pythonPath', before);
  },
};
