// `npm test`: set up, then every check; all run even when one fails. `npm test -- ARGS` gives ARGS to pytest and runs it alone.

import { prepareModules, tool } from './package.mjs';
import { run } from './programs.mjs';
import { python } from './python.mjs';
import { setUp } from './setup.mjs';

const PYTEST = [python, '-m', 'pytest'];
const EXTENSION = 'client-extension';
const CHECKS = [
  ['ruff check', [python, '-m', 'ruff', 'check', 'server', 'tests', 'scripts']],
  ['ruff format', [python, '-m', 'ruff', 'format', '--check', 'server', 'tests', 'scripts']],
  ['mypy', [python, '-m', 'mypy']],
  ['import contracts', [python, '-c', 'import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())', '--no-cache']],
  ['biome', [tool('biome'), 'ci', EXTENSION]],
  ['tsc', [tool('tsc'), '--project', EXTENSION]],
  ['extension', [process.execPath, `${EXTENSION}/test/run.mjs`]],
  ['package', [process.execPath, 'scripts/start.cjs', 'package']],
  ['pytest', PYTEST],
];

export async function main(argv) {
  const env = withoutOwnSettings();
  await setUp({ env });
  if (!argv.length) await prepareModules();
  const checks = argv.length ? [['pytest', [...PYTEST, ...argv]]] : CHECKS;
  const results = [];
  for (const [name, command] of checks) {
    console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 60 - name.length))}`);
    const begun = Date.now();
    const code = await run(command, { env });
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
