// `npm run setup`: everything the demo and the tests need, each step quick when it was done before.

import { prepareEngine } from './engine.mjs';
import { Stop, run, say } from './programs.mjs';
import { preparePython, python } from './python.mjs';

const MODEL = 'qwen2.5-coder-1.5b';

export async function main() {
  await setUp();
  say('everything is in place: npm run demo, npm test');
  return 0;
}

/** Prepares the machine; `model: false` leaves the embedded model out. */
export async function setUp({ env = process.env, model = true } = {}) {
  await preparePython();
  await prepareEngine();
  await codeteam(['sandbox', 'build', '--from', 'auto', '--if-missing'], env, 'The image of the sandbox could not be made');
  if (model) await codeteam(['model', 'pull', MODEL], env, 'The embedded model could not be fetched');
}

async function codeteam(argv, env, trouble) {
  const code = await run([python, '-P', '-m', 'codeteam', ...argv], { env });
  if (code === 130 || code === 143) throw new Stop('interrupted.', 'Run the command again to go on.');
  if (code !== 0) throw new Stop(`${trouble}; the reason stands above.`, `To try this step alone: ${python} -P -m codeteam ${argv.join(' ')}`);
}
