// Where commands are offered, and what they say.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { PYTHON, testIn, Workbench } from './workbench.mjs';

let bench;

before(async () => {
  bench = await Workbench.start({ settings: { 'codeteam.preview': 'direct' } });
});

after(async () => {
  assert.deepEqual(await bench?.stop(), [], 'nothing is left running');
});

/** The titles that the palette offers for these words. */
async function palette(words) {
  const rows = bench.page.locator('.quick-input-list .monaco-list-row');
  await bench.page.keyboard.press('F1');
  const input = bench.page.locator('.quick-input-widget input.input');
  await input.fill(`>${words}`);
  await rows.first().waitFor();
  const titles = (await rows.allInnerTexts()).map((text) => text.split('\n')[0].trim());
  await bench.page.keyboard.press('Escape');
  await input.waitFor({ state: 'hidden' });
  return titles.filter((title) => title.startsWith('Codeteam: '));
}

testIn(() => bench, 'the palette offers what can be done with the document at hand, and with the jobs that there are', async () => {
  await bench.open('wishes.md');
  await bench.goTo(3);
  await bench.until(async () => (await palette('Codeteam: Implement')).includes('Codeteam: Implement'), 'command for requirements');
  const titles = await palette('Codeteam:');
  for (const name of ['Review', 'Write Tests', 'Refactor…', 'Run Job Again', 'Open Job Report', 'Apply Proposal']) {
    assert.ok(!titles.includes(`Codeteam: ${name}`), `${name} is not offered: ${titles.join(', ')}`);
  }
  assert.ok(titles.includes('Codeteam: Choose Model'), titles.join(', '));
  await bench.show('slug.py');
  await bench.goTo(6);
  await bench.until(async () => (await palette('Codeteam: Review')).includes('Codeteam: Review'), 'command for code');
});

testIn(() => bench, 'of several files of the explorer each is a job, once the user has said so', async () => {
  await bench.show('slug.py');
  const row = (name) => bench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name });
  await row('cart.py').click();
  await bench.page.locator('.tab.active', { hasText: 'cart.py' }).waitFor(); // as it opens, it alone is selected
  await row('slug.py').click({ modifiers: ['Control'] });
  await row('wishes.md').click({ modifiers: ['Control'] });
  await bench.menu(row('slug.py'), 'Codeteam', 'Review');
  const dialog = bench.page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  assert.match(await dialog.innerText(), /Review 2 files\?[^]*cart\.py[^]*slug\.py/, 'a requirement cannot be reviewed');
  await bench.picture('several-files');
  await dialog.getByRole('button', { name: 'Start 2 Jobs' }).click();
  await bench.until(() => bench.jobs().length === 2, 'two jobs');
  const jobs = bench.jobs();
  assert.deepEqual(jobs.map(({ intent }) => intent), ['review', 'review']);
  assert.deepEqual(jobs.map(({ document }) => document.split('/').at(-1)).sort(), ['cart.py', 'slug.py']);
});

testIn(() => bench, 'a sentence that no job came of is offered when the user is asked again', async () => {
  await bench.show('slug.py');
  await bench.goTo(6);
  const box = bench.page.locator('.quick-input-widget', { hasText: 'Refactor: how?' });
  const input = box.locator('input.input');
  await bench.command('Codeteam: Refactor…');
  await input.fill('Use a regular expression');
  bench.configure({ 'codeteam.pythonPath': '/nonexistent/python' });
  await bench.until(() => bench.languageServers().length === 0, 'end of the server');
  await input.press('Enter');
  await bench.notification('no Python that runs');
  assert.equal(bench.jobs().filter(({ intent }) => intent === 'refactor').length, 0);

  bench.configure({ 'codeteam.pythonPath': PYTHON });
  await bench.until(() => bench.languageServers().length === 1, 'server');
  await bench.show('slug.py');
  await bench.goTo(6);
  await bench.command('Codeteam: Refactor…');
  await input.waitFor();
  assert.equal(await input.inputValue(), 'Use a regular expression');
  // what is typed while the box stands moves the place
  await bench.page.locator('.editor-group-container.active .monaco-editor .view-lines').first().click();
  await bench.page.keyboard.press('Control+Home');
  await bench.page.keyboard.type('# Typed meanwhile.\n');
  await input.press('Enter');
  await bench.until(() => bench.jobs().some(({ intent }) => intent === 'refactor'), 'job');
  assert.match(bench.jobs().find(({ intent }) => intent === 'refactor').title, /slug/);
  assert.match(await bench.text(), /^# Typed meanwhile\./);
  await bench.command('File: Revert File');

  await bench.show('slug.py');
  await bench.goTo(6);
  await bench.command('Codeteam: Refactor…');
  await input.waitFor();
  assert.equal(await input.inputValue(), '', 'the job has it');
  await input.press('Escape');
});

testIn(() => bench, 'commands about the machine say what they find, also when all is well', async () => {
  await bench.show('slug.py');
  await bench.command('Codeteam: Set Up');
  await bench.notification('looking at this machine');
  await bench.notification('Codeteam is set up: jobs can run on this machine.');
  await bench.command('Codeteam: Check This Machine');
  const list = bench.page.locator('.quick-input-widget', { hasText: 'what works on this machine' });
  await list.waitFor();
  assert.equal(await list.locator('input.input').getAttribute('placeholder'), 'All is well: jobs can run');
  await bench.picture('machine-well');
  await bench.page.keyboard.press('Escape');
  assert.ok(!(await palette('Codeteam: Mend')).includes('Codeteam: Mend What Is Wrong'), 'nothing is wrong');
});

testIn(() => bench, 'a step of the walkthrough is done when it is so', async () => {
  bench.record('slug', { module: 'first_steps' });
  await bench.show('slug.py'); // where all of it was so before the walkthrough is opened
  const steps = await bench.walkthrough();
  const done = (wanted) => bench.until(async () => JSON.stringify(await steps()) === JSON.stringify(wanted), 'steps that are done');
  const ready = { setUp: true, machine: true, model: true };
  await done({ ...ready, first: false });
  await bench.picture('walkthrough');
  await bench.command('Codeteam: Open the First Example');
  await bench.page.locator('.tab.active', { hasText: 'first_steps.py' }).waitFor();
  await bench.codeAction('Codeteam: implement slug');
  await bench.notification('is applied');
  await done({ ...ready, first: true });
  await bench.page.locator('.tab', { hasText: 'first_steps.py' }).click();
  assert.doesNotMatch(await bench.text(), /NotImplementedError/);
  await bench.command('Codeteam: Open the First Example');
  await (await bench.notification('The example is as you left it')).getByRole('button', { name: 'Start Afresh' }).click();
  await bench.until(async () => /raise NotImplementedError/.test(await bench.text()), 'stub again');
});
