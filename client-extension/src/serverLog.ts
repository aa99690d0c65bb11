// What the server writes to standard error, in the log with the level that each line names.

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** Where lines go, such as VS Code's log channels. */
export type Log = Record<Level, (message: string) => void>;

/** The levels of Python's logging, with which the server begins its lines. */
const LEVELS: Record<string, Level> = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error', CRITICAL: 'error' };
const LINE = /^(DEBUG|INFO|WARNING|ERROR|CRITICAL) ([\w.]+: .*)$/;
/** How Python begins to tell of its own end. */
const CRASH = /^(Traceback \(most recent call last\)|Fatal Python error)/;

/** Passes lines on; one that names no level goes on with what the one before it said, and before the first is an error. */
export function logLines(input: Readable, log: Log): void {
  let level: Level = 'error';
  createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    const [, word = '', text = line] = LINE.exec(line) ?? [];
    level = LEVELS[word] ?? (CRASH.test(line) ? 'error' : level);
    log[level](text);
  });
}
