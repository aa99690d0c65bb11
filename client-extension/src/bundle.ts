// What the extension carries: the server's source, its few packages, and the locks of the worker's environment.

import { delimiter, join } from 'node:path';
import type { ExtensionContext } from 'vscode';

export interface Bundle {
  /** Folders for PYTHONPATH. */
  paths: string[];
  /** Requirements with hashes: uv itself, what a worker needs, and the engine of the embedded model. */
  locks: { uv: string; worker: string; embedded: string };
}

export function bundle(context: ExtensionContext): Bundle {
  const folder = context.asAbsolutePath(join('client-extension', 'bundled'));
  const locks = join(folder, 'locks');
  return {
    paths: [join(folder, 'server'), join(folder, 'libs')],
    locks: { uv: join(locks, 'uv.lock'), worker: join(locks, 'worker.lock'), embedded: join(locks, 'embedded.lock') },
  };
}

/** Arguments before every module of ours: the current folder may be anyone's, and the user's site-packages too. */
export const INTERPRETER_OPTIONS = ['-P', '-s', '-X', 'utf8'];

/** The environment of our Python processes. */
export function pythonEnvironment(carried: Bundle, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, ...more };
  for (const name of ['PYTHONHOME', 'PYTHONSTARTUP', 'VIRTUAL_ENV', '__PYVENV_LAUNCHER__']) delete env[name];
  env['PYTHONPATH'] = carried.paths.join(delimiter);
  env['PYTHONDONTWRITEBYTECODE'] = '1';
  return env;
}
