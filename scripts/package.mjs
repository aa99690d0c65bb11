// `npm run package`: the VS Code extension, with the server inside, as dist/codeteam.vsix.

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { node24, npm } from './node.mjs';
import { Stop, run, runQuietly, say, tail } from './programs.mjs';
import { preparePython, python, uv } from './python.mjs';

export const VSIX = join('dist', 'codeteam.vsix');
const EXTENSION = 'client-extension';
const BUNDLED = join(EXTENSION, 'bundled');
const DIST = join(EXTENSION, 'dist');
const LARGEST = 2_000_000;
/** vsce runs on no older Node. */
const NODE = 22;

export async function main() {
  await packageExtension();
  return 0;
}

/** Makes the VSIX; returns its path. */
export async function packageExtension() {
  await preparePython();
  await prepareModules();
  await must([tool('tsc'), '--project', EXTENSION], 'The extension does not type-check');
  await must([tool('tsc'), '--project', join(EXTENSION, 'src', 'report')], 'The script of the job report does not type-check');
  await bundleScripts();
  await bundleServer();
  await pack();
  const size = statSync(VSIX).size;
  if (size > LARGEST) throw new Stop(`${VSIX} has ${size} bytes; ${LARGEST} are the most.`, 'Look at what grew: unzip -lv dist/codeteam.vsix');
  say(`${VSIX}: ${(size / 1e6).toFixed(2)} MB`);
  return VSIX;
}

/** What package-lock.json says, in node_modules; quick when it is there. */
export async function prepareModules() {
  const installed = join('node_modules', '.package-lock.json');
  if (existsSync(installed) && sameModules(installed)) return;
  say('fetching the packages of package-lock.json …');
  await npm(['ci', '--ignore-scripts'], { cwd: '.' });
}

/** Path of a program of node_modules. */
export function tool(name) {
  return join('node_modules', '.bin', name);
}

/** Whether what npm has written about node_modules is what the lock says, but for what other systems need. */
function sameModules(installed) {
  const there = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
  const isSame = ([path, { version, optional }]) => path === '' || there[path]?.version === version || (optional && !there[path]);
  return Object.entries(wanted).every(isSame) && Object.keys(there).every((path) => path in wanted);
}

async function bundleScripts() {
  rmSync(DIST, { recursive: true, force: true });
  const meta = join(DIST, 'meta.json');
  const common = ['--bundle', '--minify', '--legal-comments=none', '--log-level=warning', '--charset=utf8'];
  const extension = [join(EXTENSION, 'src', 'extension.ts'), '--platform=node', '--target=node22', '--format=cjs', '--external:vscode', `--metafile=${meta}`];
  await must([tool('esbuild'), ...common, ...extension, `--outfile=${join(DIST, 'extension.js')}`], 'The extension cannot be bundled');
  const view = [join(EXTENSION, 'src', 'report', 'view.ts'), '--platform=browser', '--target=chrome130', '--format=iife'];
  await must([tool('esbuild'), ...common, ...view, `--outfile=${join(DIST, 'report.js')}`], 'The script of the job report cannot be bundled');
  writeFileSync(join(DIST, 'NOTICES.txt'), notices(meta));
  rmSync(meta);
}

/** The licences of the packages that went into the bundle. */
function notices(meta) {
  const inputs = Object.keys(JSON.parse(readFileSync(meta, 'utf8')).inputs);
  const folders = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean);
  return [...new Set(folders)].sort().map(notice).join('\n');
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), 'utf8') : ''}\n`;
}

/** The server's source, its few packages (pure Python, so that one VSIX serves every system), and the locks. */
async function bundleServer() {
  rmSync(BUNDLED, { recursive: true, force: true });
  const locks = join(BUNDLED, 'locks');
  const libs = join(BUNDLED, 'libs');
  mkdirSync(locks, { recursive: true });
  await must([python, join('scripts', 'cut_lock.py'), locks], 'The lock cannot be cut');
  const safely = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--no-config'];
  await must([uv, 'pip', 'install', '--quiet', '--python', python, '--target', libs, ...safely, '-r', join(locks, 'server.lock')], 'The server’s packages cannot be fetched');
  rmSync(join(locks, 'server.lock'));
  const compiled = files(libs).filter((path) => /\.(so|pyd|dylib|dll)$/.test(path));
  if (compiled.length) throw new Stop(`The server's packages hold compiled files: ${compiled.join(', ')}.`, 'Only pure Python goes into the extension.');
  for (const leftover of ['.lock', 'bin', '.gitignore']) rmSync(join(libs, leftover), { recursive: true, force: true });
  for (const path of files(libs)) if (path.endsWith('sboms')) rmSync(path, { recursive: true, force: true });
  cpSync(join('server', 'codeteam'), join(BUNDLED, 'server', 'codeteam'), { recursive: true, filter: (path) => !path.includes('__pycache__') });
}

async function pack() {
  mkdirSync('dist', { recursive: true });
  const node = Number(process.versions.node.split('.')[0]) >= NODE ? process.execPath : (await node24()).bin;
  const pages = ['--readme-path', join(EXTENSION, 'README.md'), '--changelog-path', 'CHANGELOG.md', '--no-rewrite-relative-links'];
  const vsce = join('node_modules', '@vscode', 'vsce', 'vsce');
  await must([node, vsce, 'package', '--no-dependencies', '--allow-missing-repository', ...pages, '--out', VSIX], 'The extension cannot be packed');
}

function files(folder) {
  return readdirSync(folder, { recursive: true }).map((path) => join(folder, String(path)));
}

async function must(argv, trouble) {
  const { code, output } = await runQuietly(argv);
  if (code !== 0) throw new Stop(`${trouble}:\n${tail(output, 40)}`);
}
