// Waiting for what VS Code does in its own time.

import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 120_000;

export async function until(what: string, look: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !look(); await sleep(100)) {
    if (Date.now() > end) throw new Error(`in ${PATIENCE_MS / 1000} s: no ${what}`);
  }
}
