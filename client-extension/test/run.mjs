// The tests of what needs no editor, bundled and run by Node's own test runner; with `host`, bundles those that run
// inside the extension host, for VS Code to load from dist/extension-tests/host.js.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const to = join(here, '..', '..', 'dist', 'extension-tests');
const tests = readdirSync(join(here, 'plain')).filter((name) => name.endsWith('.test.ts'));

if (process.argv[2] === 'host') {
  buildSync({
    entryPoints: [join(here, 'host', 'suite.ts')],
    outfile: join(to, 'host.js'),
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    external: ['vscode'],
    logLevel: 'warning',
  });
  process.exit();
}
buildSync({
  entryPoints: tests.map((name) => join(here, 'plain', name)),
  outdir: to,
  bundle: true,
  platform: 'node',
  target: 'node18',
  logLevel: 'warning',
});
const files = tests.map((name) => join(to, name.replace(/\.ts$/, '.js')));
process.exitCode = spawnSync(process.execPath, ['--test', ...files], { stdio: 'inherit' }).status ?? 1;
