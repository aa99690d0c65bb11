// `npm run demo`: set up what is missing, then the main job on the examples that ship.

import { run } from './programs.mjs';
import { python } from './python.mjs';
import { setUp } from './setup.mjs';

export async function main(argv) {
  await setUp({ model: !process.env.CODETEAM_MODEL });
  return run([python, '-P', '-m', 'codeteam', 'demo', ...argv]);
}
