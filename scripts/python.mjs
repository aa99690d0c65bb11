// The Python side of set-up: an interpreter, `.venv`, and in it exactly what requirements.lock says.

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Stop, answer, installPackages, isRoot, run, runQuietly, say, tail } from './programs.mjs';

const MINIMUM = [3, 11];
const LOCK = 'requirements.lock';
const WINDOWS = process.platform === 'win32';
/** Where Debian keeps the certificates the system trusts; an older pip trusts only its own. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
const STAMP = join('.venv', 'codeteam-setup.json');

/** The environment's own interpreter. */
export const python = resolve('.venv', WINDOWS ? 'Scripts/python.exe' : 'bin/python');
/** The uv of the lock, there once `preparePython` has run. */
export const uv = resolve('.venv', WINDOWS ? 'Scripts/uv.exe' : 'bin/uv');

/** Makes `.venv` what the lock says; quick when it already is. */
export async function preparePython() {
  const base = await findPython();
  const wanted = stampFor(base);
  const stamp = readStamp();
  const works = existsSync(python) && answer([python, '-c', 'import codeteam']) !== null;
  const env = quietEnvironment();
  if (works && stamp.all === wanted.all) return compileOurs(env);

  const usable = stamp.python === wanted.python && existsSync(uv) && answer([uv, '--version']) !== null;
  if (!usable) {
    say(`making .venv with Python ${base.version} …`);
    await makeEnvironment(base, env);
  }
  say(`fetching the Python packages of ${LOCK} …`);
  const quiet = process.stderr.isTTY ? [] : ['--quiet'];
  await must([uv, 'pip', 'sync', ...quiet, '--python', python, '--only-binary', ':all:', '--compile-bytecode', '--require-hashes', LOCK], env);
  await must([uv, 'pip', 'install', '--quiet', '--python', python, '--no-deps', '--no-build-isolation', '--editable', '.'], env);
  await prepareLibraries();
  await compileOurs(env);
  writeFileSync(STAMP, JSON.stringify(wanted));
}

/**
 * Each worker is a process, and so is each command: what Python has compiled once it need not compile in every one of them.
 * It would keep that by itself, but not where PYTHONDONTWRITEBYTECODE is set.
 */
async function compileOurs(env) {
  await runQuietly([python, '-m', 'compileall', '-q', join('server', 'codeteam')], { env });
}

/** The engine of the embedded model is compiled code and leans on a library that a bare system lacks. */
async function prepareLibraries() {
  const load = [python, '-c', 'import xllamacpp'];
  let { code, output } = await runQuietly(load);
  if (code !== 0 && output.includes('libgomp')) {
    await installPackages(['libgomp1'], 'The embedded model needs the OpenMP library');
    ({ code, output } = await runQuietly(load));
  }
  if (code !== 0) throw new Stop(`The engine of the embedded model does not load:\n${tail(output)}`, 'Install the library it names; Debian has most of them in packages of that name.');
}

/** An interpreter that is new enough and can make environments: `{ path, version, venv }`. */
async function findPython() {
  const found = probeAll();
  if (found.ready) return found.ready;
  if (process.env.CODETEAM_PYTHON) {
    throw new Stop('CODETEAM_PYTHON names no Python 3.11 or newer that can make environments.', 'Unset it, or set it to the path of one.');
  }
  if (process.platform !== 'linux') {
    throw new Stop('Python 3.11 or newer is needed.', 'Install it from https://www.python.org/downloads/, or set CODETEAM_PYTHON to the path of one.');
  }
  if (found.old && !found.bare && !isRoot) {
    throw new Stop(`Python 3.11 or newer is needed; this is ${found.old.version}.`, 'Install a newer one, or set CODETEAM_PYTHON to the path of one.');
  }
  await installPackages(['python3', 'python3-venv'], found.bare ? "Python's venv module is needed" : 'Python 3.11 or newer is needed');
  const again = probeAll();
  if (again.ready) return again.ready;
  throw new Stop(
    `Python 3.11 or newer is needed${again.old ? `; this system's is ${again.old.version}` : ''}.`,
    'Install a newer one (Debian 12 has 3.11), or set CODETEAM_PYTHON to the path of one.'
  );
}

/** The first interpreter that will do, and of those that will not, what they lack. */
function probeAll() {
  const named = process.env.CODETEAM_PYTHON;
  const usual = ['python3', 'python3.11', 'python3.12', 'python3.13', 'python', '/usr/bin/python3', ...pyenv(), 'python3.14'];
  const found = {};
  for (const command of named ? [named] : usual) {
    const one = probe(command);
    if (!one) continue;
    const [major, minor] = one.number;
    const recent = major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
    if (recent && one.venv) return { ready: one };
    found[recent ? 'bare' : 'old'] ??= one;
  }
  return found;
}

function probe(command) {
  const code = `
import importlib.util, json, os, sys
complete = all(importlib.util.find_spec(name) for name in ("ensurepip", "venv", "_ssl", "_sqlite3", "_ctypes"))
path = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
print(json.dumps({"path": path, "number": list(sys.version_info[:2]), "version": "%d.%d.%d" % sys.version_info[:3], "venv": complete}))`;
  const text = answer([command, '-I', '-c', code]);
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function pyenv() {
  const folder = join(process.env.PYENV_ROOT || join(homedir(), '.pyenv'), 'versions');
  try {
    return readdirSync(folder).sort().map((version) => join(folder, version, 'bin', 'python'));
  } catch {
    return [];
  }
}

/** An empty environment with the uv of the lock, verified by its hashes. */
async function makeEnvironment(base, env) {
  rmSync('.venv', { recursive: true, force: true });
  const made = await runQuietly([base.path, '-I', '-m', 'venv', '.venv'], { env });
  if (made.code !== 0) {
    throw new Stop(`Python could not make .venv:\n${tail(made.output)}`, 'On Debian: apt-get install python3-venv. Is the disk full?');
  }
  const folder = mkdtempSync(join(tmpdir(), 'codeteam-'));
  try {
    const part = join(folder, 'uv.lock');
    writeFileSync(part, lockedPart('uv'));
    const trust = answer([python, '-m', 'pip', 'config', 'get', 'global.cert'], { env }) || !existsSync(AUTHORITIES) ? {} : { PIP_CERT: AUTHORITIES };
    await must([python, '-m', 'pip', 'install', '--quiet', '--require-hashes', '--no-deps', '-r', part], { ...trust, ...env });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One package's lines of the lock. */
function lockedPart(name) {
  const lines = readFileSync(LOCK, 'utf8').split(/\r?\n/);
  const first = lines.findIndex((line) => line.startsWith(`${name}==`));
  if (first < 0) throw new Stop(`${LOCK} does not name ${name}.`, 'Make it again: npm run lock');
  let last = first;
  while (lines[last].endsWith('\\')) last += 1;
  return lines.slice(first, last + 1).join('\n') + '\n';
}

async function must(argv, env) {
  const code = await run(argv, { env });
  if (code === 130 || code === 143) throw new Stop('interrupted.', 'Run the command again to go on.');
  if (code !== 0) {
    throw new Stop(
      'the Python packages could not be installed; the reason stands above.',
      'Check the network and the disk, and run the command again. For a mirror of PyPI set PIP_INDEX_URL.'
    );
  }
}

/** Without what would lead pip and uv elsewhere than into `.venv`; with a mirror that pip knows, for uv knows it not. */
function quietEnvironment() {
  const env = { ...process.env, UV_PYTHON_DOWNLOADS: 'never', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  for (const name of ['PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_USER', 'PIP_REQUIRE_HASHES', 'UV_TARGET']) {
    delete env[name];
  }
  env.UV_HTTP_TIMEOUT ||= '120';
  if (!env.UV_DEFAULT_INDEX && !env.UV_INDEX_URL && env.PIP_INDEX_URL) env.UV_DEFAULT_INDEX = env.PIP_INDEX_URL;
  return env;
}

function stampFor(base) {
  const hash = createHash('sha256');
  for (const file of [LOCK, 'pyproject.toml', join('server', 'codeteam', '__init__.py')]) hash.update(readFileSync(file));
  const environment = `${base.path} ${base.version} ${resolve('.')}`;
  return { python: environment, all: hash.update(`${environment} compiled`).digest('hex') };
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, 'utf8'));
  } catch {
    return {};
  }
}
