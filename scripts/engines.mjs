// Other engines and another image, on which the tests prove the sandbox too; only root on Linux can start and make them.

import { Stop, installPackages, isRoot, onPath, say } from './programs.mjs';

/** Programs, and the Debian packages that bring them; `runc` and `dockerd` come with the Docker engine. */
const PROGRAMS = { podman: 'podman', runsc: 'runsc', openssl: 'openssl', mmdebstrap: 'mmdebstrap' };

/** Sees to it that they are there. The tests tell at their beginning which engines they run on. */
export async function prepareEngines() {
  if (process.platform !== 'linux' || !isRoot) return;
  const missing = Object.keys(PROGRAMS).filter((program) => !onPath(program));
  if (missing.length === 0) return;
  try {
    await installPackages(missing.map((program) => PROGRAMS[program]), 'The tests run the sandbox on other engines and images too');
  } catch (error) {
    // where a distribution has none of them, the others are tested; continuous integration has no such excuse
    if (!(error instanceof Stop) || process.env.CI) throw error;
    say(`not tested here: ${missing.join(', ')}`);
  }
}
