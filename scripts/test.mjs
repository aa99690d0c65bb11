// `npm test`: set up, then every check; all run even when one fails. `npm test -- ARGS` gives ARGS to pytest and runs it alone.

import { availableParallelism } from 'node:os';
import { prepareEditors } from './editors.mjs';
import { prepareEngines } from './engines.mjs';
import { prepareModules, tool } from './package.mjs';
import { run, runQuietly } from './programs.mjs';
import { python } from './python.mjs';
import { prepareRust } from './rust.mjs';
import { setUp } from './setup.mjs';

const PYTEST = [python, '-m', 'pytest'];
// One more than there are processors: tests wait a good deal for containers.
const ALL_TESTS = [...PYTEST, '-n', String(Math.min(8, availableParallelism() + 1)), '--dist', 'loadgroup'];
const EXTENSION = 'client-extension';
const BESIDE = [
  ['ruff check', [python, '-m', 'ruff', 'check', 'server', 'tests', 'scripts']],
  ['ruff format', [python, '-m', 'ruff', 'format', '--check', 'server', 'tests', 'scripts']],
  ['mypy', [python, '-m', 'mypy']],
  ['import contracts', [python, '-c', 'import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())', '--no-cache']],
  ['biome', [tool('biome'), 'ci', EXTENSION]],
  ['tsc', [tool('tsc'), '--project', EXTENSION]],
  ['extension', [process.execPath, `${EXTENSION}/test/run.mjs`]],
];
/** Of a check that passed, so that the summary of its runner is among them. */
const LAST_LINES = 10;

export async function main(argv) {
  const env = withoutOwnSettings();
  await setUp({ env });
  await prepareEngines();
  await prepareRust();
  const results = argv.length ? [await shown('pytest', [...PYTEST, ...argv], env)] : await everything(env);
  const failed = results.filter(({ code }) => code !== 0);
  console.log(heading('summary'));
  for (const { name, code, seconds } of results) {
    console.log(`${code === 0 ? 'passed' : 'FAILED'}  ${name.padEnd(20)} ${seconds.toFixed(1).padStart(7)} s${code === 0 ? '' : `  exit code ${code}`}`);
  }
  console.log(failed.length ? `${failed.length} of ${results.length} checks failed` : results.length > 1 ? `all ${results.length} checks passed` : 'passed');
  return failed.length ? 1 : 0;
}

/** The tests, and beside them, for they leave processors idle, the other checks one by one; what those said comes after. */
async function everything(env) {
  await prepareModules();
  const beside = quietly(BESIDE, env);
  const editors = await timed('editors', fetchEditors);
  const tests = await shown('pytest', ALL_TESTS, env);
  const results = [editors, ...(await beside)];
  for (const { name, code, output } of results) {
    console.log(`${heading(name)}\n${output.trimEnd().split('\n').slice(code === 0 ? -LAST_LINES : 0).join('\n')}`);
  }
  return [...results, tests];
}

/** Before the tests, several of which would install them at once; those that need what is missing then fail. */
async function fetchEditors() {
  try {
    return { code: 0, output: JSON.stringify(await prepareEditors(), null, 2) };
  } catch (error) {
    return { code: 3, output: error.name === 'Stop' ? `${error.message}\n${error.hint}` : String(error.stack) };
  }
}

async function quietly(checks, env) {
  const results = [];
  for (const [name, argv] of checks) {
    results.push(await timed(name, () => runQuietly(argv, { env })));
  }
  return results;
}

async function shown(name, argv, env) {
  console.log(heading(name));
  return timed(name, async () => ({ code: await run(argv, { env }) }));
}

async function timed(name, work) {
  const begun = Date.now();
  return { name, ...(await work()), seconds: (Date.now() - begun) / 1000 };
}

function heading(name) {
  return `\n── ${name} ${'─'.repeat(Math.max(0, 60 - name.length))}`;
}

/** The tests bring their own settings; those of the person who runs them must not change the outcome, nor make every process compile all that it loads. */
function withoutOwnSettings() {
  const env = { ...process.env };
  for (const name of ['MODEL', 'BASE_URL', 'API_KEY', 'HOME', 'CONFIG']) delete env[`CODETEAM_${name}`];
  delete env.PYTHONDONTWRITEBYTECODE;
  return env;
}
