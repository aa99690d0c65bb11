// `npm test`: set up, then every check; all run even when one fails. `npm test -- ARGS` gives ARGS to pytest and runs it alone.

import { run } from './programs.mjs';
import { python } from './python.mjs';
import { setUp } from './setup.mjs';

const PYTEST = ['-m', 'pytest'];
const CHECKS = [
  ['ruff check', ['-m', 'ruff', 'check', 'server', 'tests', 'scripts']],
  ['ruff format', ['-m', 'ruff', 'format', '--check', 'server', 'tests', 'scripts']],
  ['mypy', ['-m', 'mypy']],
  ['import contracts', ['-c', 'import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())', '--no-cache']],
  ['pytest', PYTEST],
];

export async function main(argv) {
  const env = withoutOwnSettings();
  await setUp({ env });
  const checks = argv.length ? [['pytest', [...PYTEST, ...argv]]] : CHECKS;
  const results = [];
  for (const [name, args] of checks) {
    console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 60 - name.length))}`);
    const begun = Date.now();
    const code = await run([python, ...args], { env });
    results.push({ name, code, seconds: (Date.now() - begun) / 1000 });
    if (code === 130) break;
  }
  const failed = results.filter(({ code }) => code !== 0);
  console.log('\n── summary ' + '─'.repeat(53));
  for (const { name, code, seconds } of results) {
    console.log(`${code === 0 ? 'passed' : 'FAILED'}  ${name.padEnd(20)} ${seconds.toFixed(1).padStart(7)} s${code === 0 ? '' : `  exit code ${code}`}`);
  }
  console.log(failed.length ? `${failed.length} of ${checks.length} checks failed` : checks.length > 1 ? `all ${checks.length} checks passed` : 'passed');
  return failed.length ? 1 : 0;
}

/** The tests bring their own settings; those of the person who runs them must not change the outcome. */
function withoutOwnSettings() {
  const env = { ...process.env };
  for (const name of ['MODEL', 'BASE_URL', 'API_KEY', 'HOME', 'CONFIG']) delete env[`CODETEAM_${name}`];
  return env;
}
