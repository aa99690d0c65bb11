import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redacted } from '../../src/redaction';
import { commandIn, cost, duration, tokens } from '../../src/words';

test('figures are short', () => {
  assert.deepEqual([0.04, 9.96, 59.4, 59.6, 61, 3599.7].map(duration), ['0.0 s', '10 s', '59 s', '1 min 0 s', '1 min 1 s', '60 min 0 s']);
  assert.deepEqual([0, 999, 1000, 9999, 12_345].map(tokens), ['0 tokens', '999 tokens', '1.0k tokens', '10.0k tokens', '12k tokens']);
  assert.deepEqual([0, 0.0012, 1.5].map(cost), ['', '$0.0012', '$1.50']);
});

test('the command of an advice is found, and a sentence is none', () => {
  assert.equal(commandIn('Restart it: sudo systemctl restart docker'), 'sudo systemctl restart docker');
  assert.equal(commandIn('codeteam model pull qwen2.5-coder-1.5b'), 'codeteam model pull qwen2.5-coder-1.5b');
  assert.equal(commandIn("pip install 'codeteam[local]'"), "pip install 'codeteam[local]'");
  const install = 'sudo dnf install moby-engine && sudo systemctl enable --now docker';
  assert.equal(commandIn(`Install Docker: ${install}`), install);
  assert.equal(commandIn('Install Docker: sudo apt-get install docker.io'), 'sudo apt-get install docker.io');
  assert.equal(commandIn('Install Docker: curl -fsSL https://get.docker.com | sudo sh'), 'curl -fsSL https://get.docker.com | sudo sh');
  assert.equal(commandIn('Start the Docker engine: systemctl --user start docker'), 'systemctl --user start docker');
  assert.equal(commandIn('Start the Docker engine: open -a Docker'), 'open -a Docker');
  assert.equal(commandIn('Join its group, then log in again: sudo usermod -aG docker $USER'), 'sudo usermod -aG docker $USER');
  assert.equal(commandIn("Start that engine, or take this machine's own: unset DOCKER_HOST"), '');
  assert.equal(commandIn('Set OPENAI_API_KEY.'), '');
  assert.equal(commandIn('Please report it.'), '');
});

test('a key is in no trace: not in the message that carries it, and in no other', () => {
  const answer = '[Trace] Sending response \'codeteam/secret - (codeteam-7)\'. Took 5ms\nResult: {\n    "value": "sk-new"\n}';
  assert.equal(redacted(answer, []), "[Trace] Sending response 'codeteam/secret - (codeteam-7)'. Took 5ms (the body is not traced)");
  assert.equal(redacted('a chat that quotes sk-known and sk-known', ['sk-known']), 'a chat that quotes ••• and •••');
  assert.equal(
    redacted("Received notification 'codeteam/job'\nParams: {}", ['sk-known']),
    "Received notification 'codeteam/job'\nParams: {}"
  );
});
