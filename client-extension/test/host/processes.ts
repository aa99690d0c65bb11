// The language servers that this extension host has started.

import { readdirSync, readFileSync } from 'node:fs';

/** Their process numbers. */
export function languageServers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(isServer);
}

function isServer(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || Number(parent) !== process.pid) return false;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0-m\0codeteam\0serve');
  } catch {
    return false; // it has ended meanwhile
  }
}
