// Models of the editor's own, from a provider that exists for these tests, and keys of the others.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { listen } from './listener.mjs';
import { testIn, Workbench } from './workbench.mjs';

const STUB = 6;
const KEY = 'sk-tests-0123456789abcdef';
const WRONG_KEY = 'sk-wrong-0123456789abcdef';
const RIGHT_KEY = 'sk-right-0123456789abcdef';
let bench;
let server;
let other;

before(async () => {
  const replies = join(import.meta.dirname, '..', 'replies', 'slug.md');
  bench = await Workbench.start({
    settings: { 'codeteam.model': '', 'codeteam.preview': 'multi-diff' },
    extensions: [join(import.meta.dirname, 'model-provider')],
    environ: { CODETEAM_TEST_REPLIES: replies, AZURE_OPENAI_ENDPOINT: '' },
  });
});

after(async () => {
  server?.close();
  other?.close();
  assert.deepEqual(await bench?.stop(), [], 'nothing is left running');
});

testIn(() => bench, 'the editor’s model is offered where none is chosen, and does the job', async () => {
  await bench.open('slug.py');
  const before = bench.read('slug.py');
  const offer = await bench.notification('Your editor offers');
  await bench.picture('editor-model-offered');
  await offer.getByRole('button', { name: 'Use It' }).click();
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  const question = await bench.notification('Apply it?');
  await bench.picture('multi-diff');
  assert.match(await question.innerText(), /2 of 2 tests passed/);
  assert.equal(bench.read('slug.py'), before);
  await question.getByRole('button', { name: 'Apply' }).click();
  await bench.until(() => bench.read('slug.py') !== before && bench.has('tests/test_slug.py'), 'edit on the disk');
});

testIn(() => bench, 'a quota that is used up, and a consent that was not given, are told in plain words', async () => {
  await bench.open('slug.py');
  for (const [model, words] of [['exhausted', 'quota'], ['forbidden', 'you have not allowed it']]) {
    bench.configure({ 'codeteam.model': `editor/${model}` });
    await bench.goTo(STUB);
    await bench.codeAction('Codeteam: implement slug');
    const told = await bench.notification(words);
    await bench.picture(model);
    assert.match(await told.innerText(), /Codeteam could not implement slug/);
    await told.getByRole('button', { name: 'Choose Model' }).waitFor();
    await bench.command('Notifications: Clear All Notifications');
  }
});

testIn(() => bench, 'a provider’s key is asked for, hidden, and written nowhere', async () => {
  await bench.show('slug.py');
  await bench.command('Codeteam: Choose Model');
  await bench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Recorded' }).waitFor();
  await bench.picture('choose-model');
  await bench.pick('OpenAI');
  const input = bench.page.locator('.quick-input-widget input.input');
  await bench.page.locator('.quick-input-widget', { hasText: 'model of OpenAI' }).waitFor();
  await bench.page.keyboard.press('Enter');
  await bench.page.locator('.quick-input-widget', { hasText: 'key for OpenAI' }).waitFor();
  assert.equal(await input.getAttribute('type'), 'password');
  await bench.picture('key');
  await input.fill(KEY);
  await bench.page.keyboard.press('Enter');
  await input.waitFor({ state: 'hidden' });
  assert.deepEqual(filesWith(KEY), []);
  await bench.command('Codeteam: Forget Keys');
  await bench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'OPENAI_API_KEY' }).waitFor();
});

testIn(() => bench, 'Azure, which has no address of its own, is said to need one', async () => {
  await bench.show('slug.py');
  await bench.command('Codeteam: Choose Model');
  const row = bench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Azure OpenAI' });
  await bench.page.locator('.quick-input-widget input.input').fill('Azure OpenAI');
  await row.waitFor();
  assert.match(await row.innerText(), /Needs AZURE_OPENAI_ENDPOINT in the environment/);
  await row.click();
  const told = await bench.notification('Azure OpenAI has another address for each of its users');
  assert.match(await told.innerText(), /Set AZURE_OPENAI_ENDPOINT to yours, for example https:\/\/my-resource/);
  await bench.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });

  bench.configure({ 'codeteam.model': 'azure/my-gpt' }); // by hand, past the picker
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  const failed = await bench.notification('Codeteam could not implement slug');
  await bench.picture('azure');
  assert.match(await failed.innerText(), /The address of Azure OpenAI is not known\. Set AZURE_OPENAI_ENDPOINT/);
});

testIn(() => bench, 'a key that is refused can be replaced, the job runs again with the new one, and no trace holds either', async () => {
  server = await listen({ key: RIGHT_KEY });
  bench.configure({ 'codeteam.model': 'compatible/own', 'codeteam.baseUrl': server.url, 'codeteam.trace': 'verbose' });
  await bench.open('slug.py');
  const before = bench.read('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  await giveKey(WRONG_KEY);
  const told = await bench.notification('did not accept the key');
  await bench.picture('refused-key');
  assert.match(await told.innerText(), /The key came from your editor: give it another one\./);
  await told.getByRole('button', { name: 'Enter Another Key' }).click();
  await giveKey(RIGHT_KEY);
  const question = await bench.notification('Apply it?');
  await question.getByRole('button', { name: 'Apply' }).click();
  await bench.until(() => bench.read('slug.py') !== before, 'edit on the disk');
  const keys = server.requests.map(({ key }) => key).filter((key, at, all) => key !== all[at - 1]);
  assert.deepEqual(keys.filter((key) => key !== 'none'), [WRONG_KEY, RIGHT_KEY], 'the refused key was sent no more once there was another');
  await bench.until(() => filesWith('codeteam/secret').some((path) => path.includes('Codeteam Trace')), 'trace');
  for (const key of [WRONG_KEY, RIGHT_KEY]) assert.deepEqual(filesWith(key), []);

  other = await listen();
  bench.configure({ 'codeteam.baseUrl': other.url });
  await bench.open('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  const box = bench.page.locator('.quick-input-widget', { hasText: `CODETEAM_API_KEY for ${new URL(other.url).origin}` });
  await box.waitFor();
  await bench.picture('key-of-another-server');
  await bench.page.keyboard.press('Escape');
  await bench.notification('Codeteam could not implement slug');
  assert.deepEqual([...new Set(other.requests.map(({ key }) => key))], ['none'], 'a key that one server was given is not sent to another');
});

async function giveKey(key) {
  const box = bench.page.locator('.quick-input-widget', { hasText: 'CODETEAM_API_KEY' });
  await box.waitFor();
  await box.locator('input.input').fill(key);
  await bench.page.keyboard.press('Enter');
  await box.waitFor({ state: 'hidden' });
}

/** The files of VS Code, its extensions, its logs and our state that hold a text. */
function filesWith(text) {
  return spawnSync('grep', ['-rlF', text, bench.folder], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
}
