// What is said of a proposal, and asked, before it is in the files: in each way of preview, accepted or not.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { testIn, Workbench } from './workbench.mjs';

const STUB = 6;
const EVIDENCE = '2 of 2 tests passed, 1 iteration';
const TESTS = 'tests/test_slug.py';
let bench;

before(async () => {
  bench = await Workbench.start({ settings: { 'codeteam.maxIterations': 1 } });
});

after(async () => {
  assert.deepEqual(await bench?.stop(), [], 'nothing is left running');
});

/** A job on the stub whose proposal is shown in this way, in a window of its own; resolves to the file's text. */
async function implement(preview, options = {}) {
  bench.record('slug', options);
  bench.configure({ 'codeteam.preview': preview });
  await bench.open('slug.py');
  return start();
}

/** The same in the window that there is, with the preview that it has. */
async function implementAgain() {
  await bench.page.locator('.tab', { hasText: /^slug\.py/ }).first().click();
  await bench.again('slug.py');
  return start();
}

async function start() {
  const text = bench.read('slug.py');
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  return text;
}

function inTitle(name) {
  return bench.page.locator('.editor-actions').getByRole('button', { name });
}

/** Types a line above everything in the document, whose tab it brings to the front. */
async function typeAtTop(line) {
  await bench.page.locator('.tab', { hasText: /^slug\.py/ }).click();
  await bench.goTo(1);
  await bench.page.keyboard.press('Home');
  await bench.page.keyboard.type(`${line}\n`);
  await bench.page.waitForTimeout(1500); // a refusal within a second of the proposal is taken for the editor's own
}

/** Answers the question about the changes that are shown. */
async function answer(name) {
  await bench.command('Codeteam: Show Question');
  await (await bench.notification('Apply it?')).getByRole('button', { name, exact: true }).click();
}

const written = (text) => bench.until(() => bench.read('slug.py') !== text && bench.has(TESTS), 'edit on the disk');
const unchanged = (text) => {
  assert.equal(bench.read('slug.py'), text);
  assert.ok(!bench.has(TESTS));
};

testIn(() => bench, 'what the reviewer refused is asked about first, though everything else is applied at once', async () => {
  const text = await implement('direct', { approved: false }); // nor is it tested then
  const question = await bench.notification('Codeteam proposes to implement slug');
  await bench.picture('below');
  assert.match(await question.innerText(), /below the quality asked for, .*review/);
  unchanged(text);
  assert.equal(await bench.text(), text);
  await bench.page.locator('.statusbar-item[id="status.languageStatus"]').hover();
  await bench.page.locator('.hover-language-status', { hasText: 'waits for your answer' }).getByText('Show Question').click();
  await bench.page.locator('.tab', { hasText: 'slug.py' }).click(); // away from the hover, which would cover the answers
  await (await bench.notification('Codeteam proposes to implement slug')).getByRole('button', { name: 'Open proposal' }).click();
  await bench.page.locator('.tab.active', { hasText: '.patch' }).waitFor();
  unchanged(text);
  await bench.command('Codeteam: Apply Proposal');
  await (await bench.notification('below the quality asked for')).getByRole('button', { name: 'Apply' }).click();
  const told = await bench.notification('is applied');
  await bench.page.locator('.tab', { hasText: 'slug.py' }).click();
  await bench.until(async () => (await bench.text()) !== text, 'edit in the buffer');
  await told.getByRole('button', { name: 'Open Report' }).click();
  assert.match(await (await bench.webview()).locator('main').innerText(), /below/i);
});

testIn(() => bench, 'what the reviewer refused is asked about before it is in the refactor preview', async () => {
  const text = await implement('refactor', { approved: false });
  const question = await bench.notification('Codeteam proposes to implement slug');
  assert.equal(await bench.page.locator('.bulk-edit-panel').count(), 0);
  await question.getByRole('button', { name: 'Apply' }).click();
  await bench.preview();
  await bench.notification('(below the quality asked for');
  unchanged(text);
});

testIn(() => bench, 'what speaks for an accepted proposal is said beside the refactor preview, and after it was applied at once', async () => {
  await implement('refactor');
  await bench.preview();
  const told = await bench.notification('Codeteam: implement slug (');
  await bench.picture('preview-evidence');
  assert.ok((await told.innerText()).includes(EVIDENCE));
  assert.equal(await bench.page.locator('.notification-toast', { hasText: EVIDENCE }).count(), 1, 'it is said once');
  await written(await implement('direct'));
  assert.ok((await (await bench.notification('is applied')).innerText()).includes(EVIDENCE));
});

testIn(() => bench, 'a view of all changes has the answers in its title, and is over with its tab', async () => {
  const text = await implement('multi-diff');
  await bench.notification('Apply it?');
  await inTitle('Apply the Changes Shown').waitFor();
  await bench.picture('multi-diff-title');
  await inTitle('Discard the Changes Shown').click();
  const view = bench.page.locator('.tab', { hasText: 'apply it?' });
  await view.waitFor({ state: 'detached' });
  await inTitle('Apply the Changes Shown').waitFor({ state: 'detached' });
  const job = await bench.job('implement slug');
  await bench.until(async () => /kept/.test(await job.innerText()), 'kept proposal');
  unchanged(text);

  await bench.command('Codeteam: Apply Proposal');
  await view.waitFor();
  await bench.command('Notifications: Clear All Notifications');
  await bench.page.locator('.notification-toast').first().waitFor({ state: 'detached' });
  assert.equal(await view.count(), 1, 'the question stands without its notification');
  await bench.command('Codeteam: Show Question');
  await bench.notification('Apply it?');
  await view.click({ button: 'middle' }); // which closes a tab
  const kept = await bench.notification('nothing was applied, and the proposal is kept');
  await bench.until(async () => /kept/.test(await job.innerText()), 'kept proposal again');
  unchanged(text);

  await kept.getByRole('button', { name: 'Show Again' }).click();
  await inTitle('Apply the Changes Shown').click();
  await written(text);
  await view.waitFor({ state: 'detached' });
});

testIn(() => bench, 'Apply after typing elsewhere asks again, and takes what was typed along; Discard after typing does not', async () => {
  await implementAgain();
  await bench.notification('Apply it?');
  await typeAtTop('# mine');
  await answer('Apply');
  await bench.notification('nothing was applied yet, for a file has changed since');
  const again = await bench.notification('merged with your changes since');
  await bench.picture('multi-diff-again');
  assert.ok((await again.innerText()).includes('Apply it?'));
  await answer('Apply');
  await bench.until(() => bench.has(TESTS), 'tests on the disk');
  await bench.page.locator('.tab', { hasText: 'slug.py' }).first().click();
  const text = await bench.text();
  assert.ok(text.startsWith('# mine'), text);
  assert.ok(!text.includes('    ...'), text);

  await implementAgain();
  await bench.notification('Apply it?');
  await typeAtTop('# mine');
  await answer('Discard');
  const job = await bench.job('implement slug');
  await bench.until(async () => /kept/.test(await job.innerText()), 'kept proposal');
  assert.equal(await bench.page.locator('.tab', { hasText: 'apply it?' }).count(), 0);
});

testIn(() => bench, 'Show Again shows the proposal that it was said of, though another is kept', async () => {
  await implementAgain();
  await bench.notification('Apply it?');
  await answer('Discard');
  const view = bench.page.locator('.tab', { hasText: 'apply it?' });
  await view.waitFor({ state: 'detached' });
  await bench.page.locator('.tab', { hasText: 'slug.py' }).first().click();
  await bench.goTo(STUB);
  await bench.codeAction('Codeteam: implement slug');
  await bench.notification('Apply it?');
  await view.click({ button: 'middle' });
  const kept = await bench.notification('nothing was applied, and the proposal is kept');
  await kept.getByRole('button', { name: 'Show Again' }).click();
  await bench.notification('Apply it?');
  await view.waitFor();
  assert.equal(await bench.page.locator('.quick-input-widget').isVisible(), false, 'nobody is asked which one');
});

testIn(() => bench, 'a refactor preview that is discarded after typing is not opened anew', async () => {
  await implement('refactor');
  const panel = await bench.preview();
  await bench.notification('tick what you want in the preview');
  await typeAtTop('# mine');
  await panel.getByRole('button', { name: 'Discard' }).click();
  await bench.notification('nothing was applied, and the proposal is kept');
  const job = await bench.job('implement slug');
  await bench.until(async () => /kept/.test(await job.innerText()), 'kept proposal');
  assert.equal(await bench.page.locator('.bulk-edit-panel .monaco-list-row').count(), 0);
});
