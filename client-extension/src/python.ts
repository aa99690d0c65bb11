// Finding a Python that the server, and the worker's environment, can be made from.

import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, relative } from 'node:path';
import * as vscode from 'vscode';
import { runProgram } from './program';
import { pythonPath } from './settings';

const MINIMUM = [3, 11] as const;
const WINDOWS = process.platform === 'win32';
const PROBE = `import importlib.util, json, os, sys
path = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
complete = all(importlib.util.find_spec(name) for name in ("ensurepip", "venv", "_ssl", "_sqlite3", "_ctypes"))
print(json.dumps({"path": path, "version": list(sys.version_info[:3]), "complete": complete}))`;

/** An interpreter outside any virtual environment. */
export interface Python {
  path: string;
  /** For example "3.12.4". */
  version: string;
  /** It can make environments; distributions leave parts out. */
  complete: boolean;
}

/** No Python will do; the message says what was found and what to install. */
export class NoPython extends Error {}

/** Finds Python 3.11 or newer; rejects with NoPython. */
export async function findPython(): Promise<Python> {
  const named = pythonPath();
  if (named) {
    const found = await probe(named);
    if (found && recent(found)) return found;
    throw new NoPython(
      found
        ? `codeteam.pythonPath names Python ${found.version}; Codeteam needs 3.11 or newer.`
        : `codeteam.pythonPath names ${named}, which is no Python that runs.`
    );
  }
  let old: Python | undefined;
  let bare: Python | undefined;
  for (const command of await candidates()) {
    const found = await probe(command);
    if (!found) continue;
    if (recent(found) && found.complete) return found;
    if (recent(found)) bare ??= found;
    else old ??= found;
  }
  if (bare) return bare; // uv can make an environment of it
  const have = old ? `This machine has ${old.version}. ` : '';
  throw new NoPython(`Codeteam needs Python 3.11 or newer. ${have}${advice()}`);
}

async function candidates(): Promise<string[]> {
  const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14', 'python'];
  const usual = WINDOWS
    ? ['py', ...names]
    : [...names, '/usr/bin/python3', '/usr/local/bin/python3', '/opt/homebrew/bin/python3', ...pyenv()];
  const active = await activeInterpreter();
  return active ? [active, ...usual] : usual;
}

/**
 * The interpreter that the Python extension has active. One that lies in the workspace is the workspace's own program:
 * it is run only where the workspace is trusted.
 */
async function activeInterpreter(): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension>('ms-python.python');
  if (!extension || !vscode.workspace.isTrusted) return undefined;
  try {
    const { environments } = await extension.activate();
    const environment = await environments.resolveEnvironment(environments.getActiveEnvironmentPath());
    return environment?.executable?.uri?.fsPath;
  } catch {
    return undefined;
  }
}

/** The part of that extension's interface that is used. */
interface PythonExtension {
  environments: {
    getActiveEnvironmentPath(): { path: string };
    resolveEnvironment(environment: { path: string }): Promise<{ executable?: { uri?: vscode.Uri } } | undefined>;
  };
}

async function probe(command: string): Promise<Python | undefined> {
  if (!vscode.workspace.isTrusted && insideWorkspace(command)) return undefined;
  // -I: nothing of the current folder, of PYTHON* variables or of the user's site counts
  const { code, stdout } = await runProgram(command, ['-I', '-c', PROBE], { timeout: 15_000, cwd: homedir() });
  if (code !== 0) return undefined;
  try {
    const { path, version, complete } = JSON.parse(stdout) as { path: string; version: number[]; complete: boolean };
    return { path, version: version.join('.'), complete };
  } catch {
    return undefined;
  }
}

function insideWorkspace(command: string): boolean {
  if (!existsSync(command)) return false;
  const real = realpathSync(command);
  return (vscode.workspace.workspaceFolders ?? []).some((folder) =>
    [command, real].some((path) => {
      const way = relative(folder.uri.fsPath, path);
      return !way.startsWith('..') && !isAbsolute(way);
    })
  );
}

function recent({ version }: Python): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

function pyenv(): string[] {
  const folder = join(process.env['PYENV_ROOT'] || join(homedir(), '.pyenv'), 'versions');
  try {
    return readdirSync(folder)
      .sort()
      .map((version) => join(folder, version, 'bin', 'python'));
  } catch {
    return [];
  }
}

function advice(): string {
  if (process.platform === 'darwin') return 'Install it with “brew install python@3.13”, or from python.org.';
  if (WINDOWS) return 'Install it with “winget install Python.Python.3.13”, or from python.org.';
  return 'Install it with your package manager (Debian, Ubuntu: “sudo apt install python3 python3-venv”).';
}
