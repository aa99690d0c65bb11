// The main job in VS Code, as a user does it; the team's replies are recorded, its runs are real.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { testIn, Workbench } from './workbench.mjs';

const STUB = 6;
/** Seconds that the developer takes where something is typed meanwhile. */
const MEANWHILE = 12;
const BODY = '    return "-".join(text.lower().split())\n';
const TESTS = 'tests/test_slug.py';
let bench;

before(async () => {
  bench = await Workbench.start();
});

after(async () => {
  assert.deepEqual(await bench?.stop(), [], 'nothing is left running');
});

testIn(() => bench, 'a requirement becomes a tested edit, a finding becomes a quick fix, and one undo takes everything back', async () => {
  bench.record('slug', { delay: 3 });
  await bench.open('slug.py');
  const before = bench.read('slug.py');
  await bench.goTo(STUB);
  await bench.page.locator('.lightBulbWidget, [class*="codicon-light-bulb"], [class*="lightbulb"]').first().waitFor();
  await bench.codeActions('Codeteam: implement slug');
  await bench.picture('lightbulb');
  await bench.page.keyboard.press('Escape');
  await bench.codeAction('Codeteam: implement slug');
  const toast = await bench.notification('implement slug');
  await bench.until(async () => /developer/.test(await toast.innerText()), 'developer in the notification');
  await bench.picture('notification');
  assert.match(await toast.innerText(), /Cancel/);

  const preview = await bench.preview();
  await bench.picture('preview');
  assert.equal(bench.read('slug.py'), before, 'nothing is written before Apply');
  assert.ok(!bench.has(TESTS));
  await bench.tickAll(preview);
  await preview.getByRole('button', { name: 'Apply' }).click();
  const after = before.replace('    ...\n', BODY);
  await bench.until(() => bench.read('slug.py') === after, 'edit on the disk');
  await bench.until(() => bench.has(TESTS) && bench.read(TESTS).includes('def test_words_are_joined'), 'tests on the disk');

  await bench.command('Problems: Focus on Problems View');
  const problem = bench.page.locator('.markers-panel .monaco-list-row', { hasText: 'Punctuation stays in the slug.' });
  await problem.waitFor();
  await bench.picture('problems');
  await bench.goTo(STUB);
  await bench.codeActions('Codeteam: dismiss');
  await bench.picture('quick-fix');
  await bench.page.keyboard.press('Escape');
  await bench.codeAction('Codeteam: dismiss');
  await problem.waitFor({ state: 'detached' });

  await bench.goTo(STUB);
  await bench.page.keyboard.press('Control+z');
  await bench.until(() => !bench.has(TESTS), 'file of tests gone, by one undo');
  await bench.until(async () => (await bench.text()) === before, 'text as it was');
});

testIn(() => bench, 'a job is cancelled from its notification', async () => {
  bench.record('slug', { delay: 60 });
  await bench.again('slug.py');
  const before = bench.read('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  const toast = await bench.notification('implement slug');
  await bench.until(async () => /developer/.test(await toast.innerText()), 'developer in the notification');
  await toast.hover();
  await toast.getByRole('button', { name: 'Cancel' }).click();
  await toast.waitFor({ state: 'detached' });
  const job = await bench.job('implement slug');
  await bench.until(async () => /cancelled/i.test(await job.innerText()), 'cancelled job in the view');
  await bench.picture('cancelled');
  assert.equal(await bench.page.locator('.bulk-edit-panel').count(), 0);
  assert.equal(bench.read('slug.py'), before);
});

testIn(() => bench, 'what is typed elsewhere while the team works stays', async () => {
  bench.record('slug', { delay: MEANWHILE });
  await bench.again('slug.py');
  const before = bench.read('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  await bench.notification('implement slug');
  await bench.goTo(10);
  await bench.page.keyboard.type('# typed meanwhile');
  const preview = await bench.preview();
  await bench.tickAll(preview);
  await preview.getByRole('button', { name: 'Apply' }).click();
  await bench.until(() => bench.has(TESTS), 'tests on the disk');
  const wanted = `${before.replace('    ...\n', BODY)}# typed meanwhile`;
  await bench.until(async () => (await bench.text()).trimEnd() === wanted, 'both changes in the buffer');
});

testIn(() => bench, 'a job that runs elsewhere is known as that, and how it ended is seen without asking', async () => {
  bench.record('slug', { delay: MEANWHILE });
  await bench.again('slug.py');
  const ended = bench.elsewhere('run', '--file', 'slug.py:4-6', '--workspace', bench.shop, '--model', `script/${bench.replies}`);
  await bench.until(() => bench.jobs()[0]?.state === 'running', 'job of the command line in the history');
  await bench.command('Codeteam: Refresh Jobs');
  const job = await bench.job('running elsewhere');
  await bench.picture('elsewhere');
  const bar = bench.page.locator('.composite-bar .action-item', { has: bench.page.locator('[aria-label*="Codeteam"]') });
  assert.equal(await bar.locator('.badge-content:visible').count(), 0, 'it is not counted as one of this window');
  await ended;
  await bench.until(async () => (await job.count()) === 0, 'end of the job in the view');
  assert.match(await (await bench.job('Lower-case words')).innerText(), /accepted/);
});

testIn(() => bench, 'a buffer that was changed in the same place is left alone, and the proposal is kept', async () => {
  bench.record('slug', { delay: MEANWHILE });
  await bench.again('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  await bench.notification('implement slug');
  await bench.goTo(STUB);
  await bench.page.keyboard.press('Shift+Home');
  await bench.page.keyboard.type('return text');
  const told = await bench.notification('Codeteam changed nothing');
  await bench.picture('conflict');
  assert.match(await bench.text(), /^ {4}return text$/m);
  await told.getByRole('button', { name: 'Open proposal' }).click();
  await bench.page.locator('.tab.active', { hasText: /patch|slug/ }).waitFor();
  await bench.picture('proposal');
});

testIn(() => bench, 'the job view tells each step, and the report is readable in every theme and by everyone', async () => {
  bench.record('slug');
  bench.configure({ 'codeteam.preview': 'direct' });
  await bench.open('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  await bench.until(() => bench.has(TESTS), 'tests on the disk, applied without a preview');
  const job = await bench.job('implement slug');
  await bench.until(async () => /applied|production/i.test(await job.innerText()), 'applied job in the view');
  const steps = await bench.until(async () => {
    const texts = await bench.page.locator('.pane-body .monaco-list-row[aria-level="2"]').allInnerTexts();
    return texts.length > 4 && texts;
  }, 'steps in the job view');
  for (const role of ['Architect', 'Developer', 'Executor', 'Reviewer', 'Tester']) assert.ok(steps.some((text) => text.includes(role)), `${role} in ${steps}`);
  await bench.picture('job-view');
  await job.click();
  await bench.command('Codeteam: Open Job Report');
  for (const [name, theme] of [['light', 'Default Light Modern'], ['dark', 'Default Dark Modern'], ['contrast', 'Default High Contrast']]) {
    bench.configure({ 'workbench.colorTheme': theme });
    const kind = { light: 'vscode-light', dark: 'vscode-dark', contrast: 'vscode-high-contrast' }[name];
    const report = await bench.webview();
    await bench.until(async () => (await report.locator('body').getAttribute('data-vscode-theme-kind')) === kind, `theme ${name} in the report`);
    assert.deepEqual(await bench.violations(report), [], `axe-core in the theme ${name}`);
    await bench.picture(`report-${name}`);
  }
  await (await bench.webview()).getByRole('button', { name: 'Open file: slug.py' }).first().click();
  await bench.page.locator('.editor-group-container.active .tab.active', { hasText: 'slug.py' }).waitFor();
  assert.equal(await bench.page.locator('.editor-group-container').count(), 2, 'the file is beside the report');
  assert.match(await bench.text(), /return "-"\.join/);
});

testIn(() => bench, 'the report of a job whose server has died says so, and the job runs again', async () => {
  bench.record('slug', { delay: 60 });
  bench.configure({ 'codeteam.preview': 'direct', 'workbench.colorTheme': 'Default Light Modern' });
  await bench.open('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  const toast = await bench.notification('Codeteam: implement slug');
  await bench.until(async () => /developer/.test(await toast.innerText()), 'developer in the notification');
  await bench.command('Codeteam: Open Job Report');
  const shown = async () => (await bench.webview()).locator('.verdict').innerText();
  // the page may be made anew just then
  const verdict = (words) => bench.until(async () => words.test(await shown().catch(() => '')), `${words} in the report`);
  await verdict(/At work/);
  assert.ok(bench.killLanguageServers() > 0);
  await toast.waitFor({ state: 'detached' });
  await verdict(/Interrupted/);
  bench.record('slug');
  await verdict(/Run again/); // by the server that VS Code has started since
  await bench.picture('report-interrupted');
  await (await bench.webview()).getByRole('button', { name: 'Run again' }).click();
  await bench.until(() => bench.has(TESTS), 'tests on the disk, of another job');
});
