// Running programs: with their output shown, or kept and shown only when they fail.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** An end that the user can do something about: what happened, and what to do. */
export class Stop extends Error {
  constructor(message, hint = '') {
    super(message);
    this.name = 'Stop';
    this.hint = hint;
  }
}

export const isRoot = typeof process.getuid === 'function' && process.getuid() === 0;

export function say(text) {
  console.error(`codeteam: ${text}`);
}

/** Runs a program in the foreground and resolves to its exit code (128 + N for signal N, 127 when it is not there). */
export function run(argv, { env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit'], env });
    // Ctrl-C reaches the child from the terminal; this process waits for it to clean up
    const stay = () => {};
    const pass = () => child.kill('SIGTERM');
    process.on('SIGINT', stay);
    process.on('SIGTERM', pass);
    const done = (code) => {
      process.off('SIGINT', stay);
      process.off('SIGTERM', pass);
      resolve(code);
    };
    child.on('error', () => done(127));
    child.on('close', (code, signal) => done(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

/** Runs a program without showing its output; resolves to `{ code, output }`, both streams together. */
export function runQuietly(argv, { env = process.env, cwd = process.cwd() } = {}) {
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env, cwd });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 143, output: Buffer.concat(chunks).toString() }));
  });
}

/** Standard output of a short command, trimmed; null when it fails. */
export function answer(argv, { env = process.env } = {}) {
  const result = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8', env, timeout: 30_000, stdio: ['ignore', 'pipe', 'ignore'] });
  return result.status === 0 ? result.stdout.trim() : null;
}

/** Installs Debian packages; only root can. `why` ends the sentence "… is needed". */
export async function installPackages(packages, why) {
  const command = `apt-get update && apt-get install -y ${packages.join(' ')}`;
  if (!['/usr/bin/apt-get', '/bin/apt-get'].some((path) => existsSync(path))) {
    throw new Stop(`${why}, and this system has no apt-get to install it with.`, `Install what Debian calls ${packages.join(' and ')} by your system's own means.`);
  }
  if (!isRoot) {
    throw new Stop(`${why}.`, `Run: sudo sh -c '${command}'`);
  }
  say(`${why}: installing ${packages.join(', ')} (apt-get) …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  const update = await runQuietly(['apt-get', ...wait, 'update'], { env });
  const install = await runQuietly(['apt-get', ...wait, 'install', '-y', '--no-install-recommends', ...packages], { env });
  if (install.code !== 0) {
    throw new Stop(
      `apt-get could not install ${packages.join(', ')}:\n${tail((update.code ? update.output : '') + install.output)}`,
      `Check the network and the package sources, then run: ${command}`
    );
  }
}

/** Whether a program is there, be it where only root looks. */
export function onPath(program) {
  const folders = [...(process.env.PATH || '').split(':'), '/usr/sbin', '/usr/bin', '/usr/local/bin', '/sbin'];
  return folders.filter(Boolean).some((folder) => existsSync(join(folder, program)));
}

/** The last lines of a program's output. */
export function tail(output, lines = 12) {
  return output.trimEnd().split('\n').slice(-lines).map((line) => `    ${line}`).join('\n');
}
