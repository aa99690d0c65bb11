// The tests of what needs no editor: bundled, then run by Node's own test runner.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const to = join(here, '..', 'dist', 'test');
const tests = readdirSync(join(here, 'plain')).filter((name) => name.endsWith('.test.ts'));

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
