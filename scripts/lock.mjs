// `npm run lock`: make requirements.lock from pyproject.toml. Add `--upgrade` for newer versions of everything.

import { readFileSync, writeFileSync } from 'node:fs';
import { Stop, run } from './programs.mjs';

const LOCK = 'requirements.lock';
const HEADER = `# Everything the demo and the tests install, with hashes, for Python 3.11 and newer.
# Made from pyproject.toml by: npm run lock
`;

export async function main(argv) {
  const code = await run([
    'uv', 'pip', 'compile', 'pyproject.toml', '--extra', 'local', '--group', 'dev', '--group', 'build',
    '--universal', '--python-version', '3.11', '--generate-hashes',
    '--no-header', '--no-annotate', '--no-emit-index-url', '--no-emit-find-links', '--quiet', '--output-file', LOCK, ...argv,
  ]);
  if (code === 127) throw new Stop('uv is needed to make the lock.', 'Put .venv/bin on the PATH, or: pip install uv');
  if (code !== 0) throw new Stop('the lock could not be made; the reason stands above.');
  const lines = readFileSync(LOCK, 'utf8').split('\n').filter((line) => !line.startsWith('#'));
  writeFileSync(LOCK, HEADER + lines.join('\n'));
  return 0;
}
