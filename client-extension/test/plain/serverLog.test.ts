import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { test } from 'node:test';
import { type Level, logLines } from '../../src/serverLog';

async function logged(input: Readable): Promise<[Level, string][]> {
  const lines: [Level, string][] = [];
  const keep = (level: Level) => (text: string) => void lines.push([level, text]);
  logLines(input, { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') });
  await once(input, 'close');
  await new Promise(setImmediate);
  return lines;
}

test('a line of the server has the level that it names, and what follows goes on with it', async () => {
  const input = new PassThrough();
  const found = logged(input);
  input.end(
    [
      'python: odd',
      'WARNING codeteam.lsp.server: a.py was changed',
      '  more',
      'INFO codeteam: fine',
      'Traceback (most recent call last):',
      '  File',
    ].join('\n')
  );
  assert.deepEqual(await found, [
    ['error', 'python: odd'],
    ['warn', 'codeteam.lsp.server: a.py was changed'],
    ['warn', '  more'],
    ['info', 'codeteam: fine'],
    ['error', 'Traceback (most recent call last):'],
    ['error', '  File'],
  ]);
});

test('the server itself names its levels so', async () => {
  const python = join(process.cwd(), '.venv', 'bin', 'python');
  const server = spawn(python, ['-P', '-m', 'codeteam', 'serve', '--log-level', 'debug'], { stdio: ['pipe', 'ignore', 'pipe'] });
  server.stdin.end();
  const lines = await logged(server.stderr);
  assert.ok(
    lines.some(([level, text]) => level === 'debug' && text.startsWith('asyncio: ')),
    JSON.stringify(lines)
  );
});
