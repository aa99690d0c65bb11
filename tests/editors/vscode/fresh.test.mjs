// A fresh install: nothing of the team's environment is there yet, and set-up cannot make it.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { testIn, Workbench } from './workbench.mjs';

let bench;
let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'codeteam-fresh-'));
  mkdirSync(join(folder, 'no-wheels'));
  mkdirSync(join(folder, 'config'));
  bench = await Workbench.start({
    settings: { 'codeteam.model': '', 'codeteam.wheelhouse': join(folder, 'no-wheels') },
    extensions: [join(import.meta.dirname, 'model-provider')],
    environ: { CODETEAM_WORKER_PYTHON: '', CODETEAM_TEST_LATE_MODELS: '1', CODETEAM_CONFIG: join(folder, 'config') },
  });
});

after(async () => {
  const left = await bench?.stop();
  rmSync(folder, { recursive: true, force: true });
  assert.deepEqual(left, [], 'nothing is left running');
});

testIn(() => bench, 'a set-up that fails is no step done', async () => {
  await bench.open('slug.py');
  const steps = await bench.walkthrough();
  await bench.command('Codeteam: Set Up');
  const told = await bench.notification('could not finish setting up');
  await bench.picture('set-up-failed');
  assert.match(await told.innerText(), /The wheelhouse .*no-wheels lacks a package/);
  assert.deepEqual(await steps(), { setUp: false, machine: false, model: false, first: false });
  bench.configure({ 'codeteam.wheelhouse': join(folder, 'other-wheels') });
  await told.getByRole('button', { name: 'Retry' }).click();
  const again = await bench.notification('other-wheels');
  assert.match(await again.innerText(), /could not finish setting up/);
});

testIn(() => bench, 'the editor’s model is not offered where settings.toml names one, though nothing is set up', async () => {
  writeFileSync(join(folder, 'config', 'settings.toml'), 'developer-model = "ollama/own"\n');
  await bench.open('slug.py');
  await bench.command('Tests: Bring Models');
  await bench.until(() => bench.logged('are not offered: ollama/own is chosen'), 'word that none is offered');
  assert.equal(await bench.page.locator('.notification-toast', { hasText: 'Your editor offers' }).count(), 0);
});

testIn(() => bench, 'the editor’s model is offered also when it appears later', async () => {
  rmSync(join(folder, 'config', 'settings.toml'));
  await bench.open('slug.py');
  await bench.page.locator('.statusbar-item[id="status.languageStatus"]').waitFor();
  await bench.command('Tests: Bring Models');
  const offer = await bench.notification('Your editor offers');
  assert.match(await offer.innerText(), /Recorded/);
});
