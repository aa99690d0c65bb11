// Running a program to its end: its output line by line, cancellable, never through a shell.

import { spawn } from 'node:child_process';
import type { CancellationToken } from 'vscode';

export interface Outcome {
  /** Null when a signal ended it, or it could not be started. */
  code: number | null;
  stdout: string;
  stderr: string;
  cancelled: boolean;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  token?: CancellationToken;
  /** Milliseconds after which it is killed. */
  timeout?: number;
  /** Gets each line of both streams as it comes. */
  onLine?: (line: string) => void;
}

/** Bytes of each stream that are kept, from its end. */
const KEPT = 4_000_000;

/** Runs a program; never rejects: one that is not there ends with `code: null` and the reason in `stderr`. */
export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const outcome: Outcome = { code: null, stdout: '', stderr: '', cancelled: false };
    if (options.token?.isCancellationRequested) {
      resolve({ ...outcome, cancelled: true });
      return;
    }
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      ...(options.env && { env: options.env }),
      ...(options.cwd && { cwd: options.cwd }),
    });
    const stop = () => {
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 2000).unref();
    };
    const timer = options.timeout === undefined ? undefined : setTimeout(stop, options.timeout);
    const cancelling = options.token?.onCancellationRequested(() => {
      outcome.cancelled = true;
      stop();
    });
    const finish = () => {
      clearTimeout(timer);
      cancelling?.dispose();
      resolve(outcome);
    };
    follow(child.stdout, options.onLine, (text) => {
      outcome.stdout = (outcome.stdout + text).slice(-KEPT);
    });
    follow(child.stderr, options.onLine, (text) => {
      outcome.stderr = (outcome.stderr + text).slice(-KEPT);
    });
    child.on('error', (error) => {
      outcome.stderr += error.message;
      finish();
    });
    child.on('close', (code) => {
      outcome.code = code;
      finish();
    });
  });
}

function follow(stream: NodeJS.ReadableStream, onLine: ((line: string) => void) | undefined, keep: (text: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    keep(text);
    const lines = (rest + text).split(/\r?\n|\r/);
    rest = lines.pop() ?? '';
    for (const line of lines) onLine?.(line);
  });
  stream.on('end', () => {
    if (rest) onLine?.(rest);
  });
}
