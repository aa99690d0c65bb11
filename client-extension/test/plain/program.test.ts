import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CancellationToken } from 'vscode';
import { runProgram } from '../../src/program';

const node = process.execPath;

/** A token as VS Code gives it, and the hand that cancels it. */
function cancellation(): { token: CancellationToken; cancel: () => void } {
  const listeners: (() => void)[] = [];
  const token = {
    isCancellationRequested: false,
    onCancellationRequested: (listener: () => void) => {
      listeners.push(listener);
      return { dispose: () => listeners.splice(0) };
    },
  };
  const cancel = () => {
    token.isCancellationRequested = true;
    for (const listener of listeners) listener();
  };
  return { token: token as CancellationToken, cancel };
}

test('both streams come line by line, whatever ends a line, and whole', async () => {
  const lines: string[] = [];
  const code =
    "process.stdout.write('one\\rtwo\\r\\nthr'); setTimeout(() => { process.stdout.write('ee'); process.stderr.write('four\\n'); process.exitCode = 3 }, 50)";
  const outcome = await runProgram(node, ['-e', code], { onLine: (line) => lines.push(line) });
  assert.equal(outcome.code, 3);
  assert.equal(outcome.stdout, 'one\rtwo\r\nthree');
  assert.equal(outcome.stderr, 'four\n');
  assert.deepEqual(lines.sort(), ['four', 'one', 'three', 'two']);
});

test('a program that is not there is an outcome, not an exception', async () => {
  const outcome = await runProgram('/nonexistent/program', []);
  assert.equal(outcome.code, null);
  assert.match(outcome.stderr, /ENOENT/);
});

test('cancelling ends it, also one that does not listen', async () => {
  const { token, cancel } = cancellation();
  const code = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)";
  const begun = Date.now();
  const outcome = await runProgram(node, ['-e', code], { token, onLine: cancel });
  assert.equal(outcome.cancelled, true);
  assert.equal(outcome.code, null);
  assert.ok(Date.now() - begun < 20_000);
});

test('what was cancelled before it began does not begin', async () => {
  const { token, cancel } = cancellation();
  cancel();
  const outcome = await runProgram(node, ['-e', 'process.exit(7)'], { token });
  assert.deepEqual([outcome.cancelled, outcome.code], [true, null]);
});

test('its time is limited', async () => {
  const outcome = await runProgram(node, ['-e', 'setInterval(() => {}, 1000)'], { timeout: 200 });
  assert.deepEqual([outcome.cancelled, outcome.code], [false, null]);
});
