// A fresh install: nothing of the team's environment is there yet, and set-up cannot make it.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { testIn, Workbench } from './workbench.mjs';

let bench;
let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'codeteam-fresh-'));
  mkdirSync(join(folder, 'no-wheels'));
  bench = await Workbench.start({
    settings: { 'codeteam.model': '', 'codeteam.wheelhouse': join(folder, 'no-wheels') },
    environ: { CODETEAM_WORKER_PYTHON: '' },
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
});
