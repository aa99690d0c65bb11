// The job view as jobs happen, and what can be done from it.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { testIn, Workbench } from './workbench.mjs';

const STUB = 6;
let bench;

before(async () => {
  bench = await Workbench.start({ settings: { 'codeteam.preview': 'direct' } });
});

after(async () => {
  assert.deepEqual(await bench?.stop(), [], 'nothing is left running');
});

/** Seconds that a row of the view tells. */
function secondsOf(text) {
  const [, seconds] = /(\d+(?:\.\d)?) s\b/.exec(text) ?? assert.fail(`no seconds in ${text}`);
  return Number(seconds);
}

testIn(() => bench, 'a job is seen at work, cancelled, and run again in the job view', async () => {
  bench.record('slug', { delay: 600 });
  await bench.open('slug.py');
  const text = bench.read('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  const job = await bench.job('implement slug');
  const step = (words) => bench.page.locator('.pane-body .monaco-list-row[aria-level="2"]', { hasText: words }).first();
  await step('Developer').waitFor();
  await bench.until(async () => /iteration 1/.test(await job.innerText()), 'iteration of the job');
  assert.match(await step('Architect').innerText(), /\d s.*689 tokens/);
  assert.match(await step('Developer').innerText(), /writing/);
  for (const row of [job, step('Developer')]) {
    const early = secondsOf(await row.innerText());
    await bench.until(async () => secondsOf(await row.innerText()) > early, 'later second');
  }
  assert.match(await job.innerText(), /tokens/);
  await bench.picture('job-at-work');
  await job.hover();
  await job.getByRole('button', { name: 'Cancel Job' }).click();
  await bench.until(async () => /cancelled/.test(await job.innerText()), 'cancelled job');
  const jobs = bench.page.locator('.pane-body .monaco-list-row[aria-level="1"]');
  assert.equal(await jobs.count(), 1);

  bench.record('slug');
  await job.hover();
  await job.getByRole('button', { name: 'Run Job Again' }).click();
  await bench.until(async () => (await jobs.count()) === 2, 'second job');
  await bench.until(() => bench.read('slug.py') !== text && bench.has('tests/test_slug.py'), 'edit on the disk');
  await bench.until(async () => /applied/.test(await jobs.first().innerText()), 'applied job');
  assert.match(await jobs.last().innerText(), /cancelled/);
});

testIn(() => bench, 'a refactoring asks how, and begins only once that is answered', async () => {
  const known = bench.jobs().length;
  await bench.again('slug.py');
  await bench.goTo(STUB);
  const box = bench.page.locator('.quick-input-widget', { hasText: 'Refactor: how?' });
  await bench.command('Codeteam: Refactor');
  await box.waitFor();
  await bench.picture('refactor-how');
  await bench.page.keyboard.press('Escape');
  await box.waitFor({ state: 'hidden' });
  assert.equal(bench.jobs().length, known);
  await bench.command('Codeteam: Refactor');
  await box.waitFor();
  await box.locator('input.input').fill('Use a regular expression.');
  await bench.page.keyboard.press('Enter');
  const [{ job }] = await bench.until(() => bench.jobs().length === known + 1 && bench.jobs(), 'job');
  const { intent, requirement } = bench.history(job).task;
  assert.deepEqual([intent, requirement], ['refactor', 'Use a regular expression.']);
});
