// The worker's environment: AutoGen, Docker's SDK and the model clients, too large for the extension itself.
//
// Made on first use in the extension's storage by uv, from a lock with hashes; offline where a wheelhouse is given.

import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Bundle } from './bundle';
import { type Outcome, runProgram } from './program';
import type { Python } from './python';
import { wheelhouse } from './settings';

const STAMP = 'codeteam.json';
const UNUSED_DAYS = 30;
/** What uv is told to need; older ones do not know all the options. */
const UV_MINIMUM = [0, 5] as const;

/** Making the environment failed; the message is for the user, the output is in the log. */
export class SetUpFailed extends Error {}

type Progress = vscode.Progress<{ message?: string }>;

/** Where one Python's environment is, and whether it is there. */
export class WorkerEnvironment {
  /** An interpreter that the user has prepared, which is used as it is. */
  private readonly given = process.env['CODETEAM_WORKER_PYTHON']?.trim() ?? '';

  private constructor(
    private readonly root: string,
    private readonly folder: string,
    private readonly python: Python,
    private readonly carried: Bundle,
    private readonly log: vscode.LogOutputChannel
  ) {}

  static async of(storage: vscode.Uri, python: Python, carried: Bundle, log: vscode.LogOutputChannel): Promise<WorkerEnvironment> {
    const lock = await readFile(carried.locks.worker, 'utf8');
    const name = createHash('sha256').update(`${lock}\0${python.path}\0${python.version}`).digest('hex').slice(0, 12);
    const root = join(storage.fsPath, 'worker');
    return new WorkerEnvironment(root, join(root, name), python, carried, log);
  }

  /** Its interpreter, whether it is there already or not. */
  get interpreter(): string {
    return this.given || interpreterOf(this.folder);
  }

  /** Packages that the server borrows on systems where it needs one that is compiled (psutil). */
  get sitePackages(): string {
    const [major, minor] = this.python.version.split('.');
    return process.platform === 'win32'
      ? join(this.folder, 'Lib', 'site-packages')
      : join(this.folder, 'lib', `python${major}.${minor}`, 'site-packages');
  }

  get ready(): boolean {
    return existsSync(this.interpreter) && (this.given !== '' || existsSync(join(this.folder, STAMP)));
  }

  get hasEmbedded(): boolean {
    return this.ready && existsSync(join(this.folder, 'embedded.stamp'));
  }

  /** Whoever makes another environment clears away those that nobody has used for long: this one is in use. */
  async noteUse(): Promise<void> {
    if (this.given || !this.ready) return;
    const now = new Date();
    await utimes(join(this.folder, STAMP), now, now).catch((error: unknown) => this.log.warn(String(error)));
  }

  /** Makes it; rejects with SetUpFailed, or with CancellationError when the user cancels. */
  async make(progress: Progress, token: vscode.CancellationToken): Promise<void> {
    if (this.given) throw new SetUpFailed(`CODETEAM_WORKER_PYTHON names ${this.given}, which is not there.`);
    if (this.ready) return this.noteUse();
    await mkdir(this.root, { recursive: true });
    // made beside its place and moved there at the end: two windows may do it at once, and one may be killed
    const workshop = join(this.root, `${randomUUID()}.part`);
    try {
      const uv = await this.makeEmpty(workshop, progress, token);
      progress.report({ message: 'fetching packages …' });
      await this.install(uv, workshop, this.carried.locks.worker, progress, token);
      await writeFile(join(workshop, STAMP), JSON.stringify({ python: this.python, made: new Date().toISOString() }));
      if (!this.ready) {
        await rm(this.folder, { recursive: true, force: true });
        await rename(workshop, this.folder);
      }
    } finally {
      await rm(workshop, { recursive: true, force: true });
    }
    await this.forgetOthers();
  }

  /** Adds the engine of the embedded model. */
  async addEmbedded(progress: Progress, token: vscode.CancellationToken): Promise<void> {
    if (this.hasEmbedded) return;
    if (this.given) throw new SetUpFailed(`Install it yourself: ${this.given} is not Codeteam's to change.`);
    progress.report({ message: 'fetching the engine of the embedded model …' });
    const uv = (await findUv(this.root, token)) ?? ownUv(this.folder);
    await this.install(uv, this.folder, this.carried.locks.embedded, progress, token);
    await writeFile(join(this.folder, 'embedded.stamp'), '');
  }

  /** An empty environment; returns the uv to fill it with. */
  private async makeEmpty(folder: string, progress: Progress, token: vscode.CancellationToken): Promise<string> {
    const uv = await findUv(this.root, token);
    if (uv) {
      progress.report({ message: `making an environment with Python ${this.python.version} …` });
      await this.must(uv, ['venv', '--no-project', '--python', this.python.path, folder], token);
      return uv;
    }
    progress.report({ message: 'fetching uv, which fetches the rest …' });
    await this.must(this.python.path, ['-I', '-m', 'venv', folder], token);
    const sources = wheelhouse() ? ['--no-index', '--find-links', wheelhouse()] : [];
    const pip = ['-I', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
    await this.must(interpreterOf(folder), [...pip, ...sources, '-r', this.carried.locks.uv], token);
    return ownUv(folder);
  }

  private async install(uv: string, folder: string, lock: string, progress: Progress, token: vscode.CancellationToken): Promise<void> {
    const sources = wheelhouse() ? ['--offline', '--no-index', '--find-links', wheelhouse()] : [];
    const safely = ['--only-binary', ':all:', '--require-hashes', '--no-deps', '--no-config'];
    await this.must(uv, ['pip', 'install', '--python', interpreterOf(folder), ...safely, ...sources, '-r', lock], token, (line) => {
      const found = /^(?:Resolved|Prepared|Installed|Downloading|Downloaded)\b.*/.exec(line.trim());
      if (found) progress.report({ message: found[0] });
    });
  }

  private async must(command: string, args: string[], token: vscode.CancellationToken, onLine?: (line: string) => void): Promise<void> {
    this.log.info(`running ${[command, ...args].join(' ')}`);
    const outcome = await runProgram(command, args, {
      env: quietEnvironment(),
      cwd: this.root,
      token,
      onLine: (line) => {
        this.log.debug(line);
        onLine?.(line);
      },
    });
    if (outcome.cancelled) throw new vscode.CancellationError();
    if (outcome.code !== 0) {
      this.log.error(outcome.stderr || outcome.stdout);
      throw new SetUpFailed(inWords(outcome));
    }
  }

  private async forgetOthers(): Promise<void> {
    const limit = Date.now() - UNUSED_DAYS * 86_400_000;
    for (const name of await readdir(this.root)) {
      const folder = join(this.root, name);
      if (folder === this.folder) continue;
      const used = await stat(join(folder, STAMP)).catch(() => stat(folder));
      if (used.mtimeMs < limit) await rm(folder, { recursive: true, force: true });
    }
  }
}

async function findUv(folder: string, token: vscode.CancellationToken): Promise<string | undefined> {
  const { code, stdout } = await runProgram('uv', ['--version'], { timeout: 10_000, cwd: folder, token });
  const [major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [];
  const recent = major > UV_MINIMUM[0] || (major === UV_MINIMUM[0] && minor >= UV_MINIMUM[1]);
  return code === 0 && recent ? 'uv' : undefined;
}

function interpreterOf(folder: string): string {
  return process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}

function ownUv(folder: string): string {
  return process.platform === 'win32' ? join(folder, 'Scripts', 'uv.exe') : join(folder, 'bin', 'uv');
}

/** Without what would lead pip and uv elsewhere; with the mirror that pip knows, for uv knows it not. */
function quietEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, UV_PYTHON_DOWNLOADS: 'never' };
  for (const name of [
    'PYTHONPATH',
    'PYTHONHOME',
    'VIRTUAL_ENV',
    'PIP_TARGET',
    'PIP_PREFIX',
    'PIP_USER',
    'PIP_REQUIRE_HASHES',
    'UV_TARGET',
  ]) {
    delete env[name];
  }
  env['UV_SYSTEM_CERTS'] ||= 'true';
  env['UV_HTTP_TIMEOUT'] ||= '120';
  if (!env['UV_DEFAULT_INDEX'] && !env['UV_INDEX_URL'] && env['PIP_INDEX_URL']) env['UV_DEFAULT_INDEX'] = env['PIP_INDEX_URL'];
  return env;
}

/** What went wrong, as far as the tools' own words tell. */
function inWords({ stderr, stdout }: Outcome): string {
  const said = stderr || stdout;
  if (/No module named (?:venv|ensurepip)|ensurepip is not available/.test(said)) {
    return 'This Python cannot make environments. On Debian and Ubuntu: sudo apt install python3-venv.';
  }
  if (/No space left|ENOSPC|os error 28\b/.test(said)) return 'The disk is full.';
  if (/hash mismatch|THESE PACKAGES DO NOT MATCH/i.test(said)) {
    return 'A package is not the one that was locked. Nothing was installed; is the mirror or the wheelhouse out of order?';
  }
  if (
    wheelhouse() &&
    /No matching distribution|not found in the (?:cache|provided|package)|no version|no wheels|unsatisfiable/i.test(said)
  ) {
    return `The wheelhouse ${wheelhouse()} lacks a package that is needed: ${lastLine(said)}`;
  }
  if (
    /error sending request|dns error|timed out|Connection refused|Network is unreachable|Failed to fetch|NewConnectionError/i.test(said)
  ) {
    return 'The package index cannot be reached. Check the network or the proxy, or give a folder of wheels with codeteam.wheelhouse.';
  }
  return `It ended with: ${lastLine(said)}`;
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^\s*(?:error|ERROR):\s*/, '')
      .trim()
      .slice(0, 300) ?? 'no word'
  );
}
