// Node 24 for the tools that need it, whatever Node runs the scripts: from npm, verified by the integrity in `scripts/node/package-lock.json`.

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kept } from './cache.mjs';
import { Stop, answer, runQuietly, say, tail } from './programs.mjs';

const LOCK = fileURLToPath(new URL('node', import.meta.url));
const PLATFORMS = ['linux-x64', 'linux-arm64'];

/** Its program, and the folder with its headers (what node-gyp calls `nodedir`). */
export async function node24() {
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.includes(platform)) throw new Stop(`There is no Node 24 for ${platform} among the packages of npm.`, `The tests in editors run on ${PLATFORMS.join(' and ')}.`);
  const { version } = JSON.parse(readFileSync(join(LOCK, 'package-lock.json'), 'utf8')).packages[`node_modules/node-${platform}`];
  const inside = join('node_modules', `node-${platform}`);
  const folder = await kept(`node-${version}`, async (making) => {
    say(`fetching Node ${version} …`);
    await npmInstall(LOCK, making);
    if (answer([join(making, inside, 'bin', 'node'), '--version']) !== `v${version}`) throw new Stop('The Node 24 that npm delivered does not run.', `To try it: npm ci --prefix ${LOCK}`);
  });
  const home = join(folder, inside);
  return { bin: join(home, 'bin', 'node'), home };
}

/** Installs what the lock in folder `from` says into folder `to`; nobody's install script runs. */
export async function npmInstall(from, to) {
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(from, name), join(to, name));
  await npm(['ci', '--ignore-scripts'], { cwd: to });
}

/** Runs the npm that runs us, or the one on the PATH; `args` as on its command line. */
export async function npm(args, { cwd, env = process.env }) {
  const own = process.env.npm_execpath;
  const program = own && /npm-cli\.c?js$/.test(own) ? [process.execPath, own] : ['npm'];
  const { code, output } = await runQuietly([...program, ...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, env });
  if (code !== 0) {
    throw new Stop(`npm ${args.join(' ')} failed (exit code ${code}) in ${cwd}:\n${tail(output)}`, 'Check the network and the disk, and run the command again. For a mirror of npm set npm_config_registry.');
  }
}
