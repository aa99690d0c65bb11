// What is fetched once and kept between runs, outside the clone.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

export function cacheFolder() {
  return process.env.CODETEAM_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'codeteam');
}

/**
 * The folder `name` of the cache, filled by `make(folder)` unless it is there; `name` holds all that its content depends on.
 * It is made elsewhere and moved to its place whole: what is there is complete, and of several that make it at once the first wins.
 */
export async function kept(name, make) {
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const making = mkdtempSync(join(dirname(folder), `.${basename(folder)}-`));
  try {
    await make(making);
    try {
      renameSync(making, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}
