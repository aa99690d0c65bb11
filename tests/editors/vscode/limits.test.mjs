// Where nothing may run, or nothing can: a workspace that is not trusted, a machine without a Docker engine, a server that is gone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PYTHON, Workbench } from './workbench.mjs';

const STUB = 6;
let bench;

async function within(options, work) {
  bench = await Workbench.start(options);
  try {
    await work();
  } catch (error) {
    await bench.keepEvidence('limits');
    throw error;
  } finally {
    assert.deepEqual(await bench.stop(), [], 'nothing is left running');
  }
}

test('in an untrusted workspace nothing runs, the actions say why, and trust mends it', { timeout: 720_000 }, () =>
  within({ trusted: false }, async () => {
    await bench.open('slug.py');
    const before = bench.read('slug.py');
    await bench.goTo(STUB);
    const titles = await bench.codeActions('Codeteam: This workspace is not trusted');
    await bench.picture('untrusted-menu');
    assert.deepEqual(titles.filter((title) => /^Codeteam: (?!This workspace)/.test(title)), [], 'nothing else is offered');
    await bench.page.keyboard.press('Escape');
    await bench.command('Codeteam: Implement');
    const told = await bench.notification('This workspace is not trusted');
    await bench.picture('untrusted');
    await bench.command('Codeteam: Focus on Jobs View');
    await bench.page.locator('.welcome-view', { hasText: 'Nothing runs in an untrusted workspace' }).waitFor();
    assert.equal(bench.read('slug.py'), before);
    assert.deepEqual(bench.jobs(), [], 'no job was begun');
    await told.getByRole('button', { name: 'Manage Trust' }).click();
    await bench.page.locator('.workspace-trust-editor').getByRole('button', { name: 'Trust', exact: true }).first().click();
    await bench.page.locator('.modal-editor-part .codicon-close').last().click(); // the page about trust stands before the editor
    await bench.page.locator('.workspace-trust-editor').waitFor({ state: 'hidden' });
    await bench.goTo(STUB);
    await bench.codeAction('Codeteam: implement slug');
    await bench.preview();
    assert.equal(bench.jobs().length, 1);
  }));

test('without a Docker engine the editor says so, and has the command that mends it', { timeout: 720_000 }, () =>
  within({ environ: { DOCKER_HOST: 'unix:///run/user/999999/docker.sock' } }, async () => {
    await bench.open('slug.py');
    await bench.goTo(STUB);
    await bench.codeAction('Codeteam: implement slug');
    const told = await bench.notification('Codeteam could not implement slug');
    await bench.page.locator('.notification-toast', { hasText: 'Codeteam: implement slug' }).waitFor({ state: 'detached' }); // its progress
    await bench.picture('no-docker');
    assert.match(await told.innerText(), /There is no Docker engine[^]*Start the Docker engine: systemctl --user start docker/);
    await bench.codeActions('Codeteam: There is no Docker engine');
    await bench.page.keyboard.press('Escape');
    await told.getByRole('button', { name: 'Check This Machine' }).click();
    const check = bench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'docker' });
    await check.waitFor();
    assert.match(await check.innerText(), /systemctl --user start docker/);
    await bench.picture('machine');
    await check.click();
    const way = await bench.notification('To mend it');
    await way.getByRole('button', { name: 'Open Terminal' }).waitFor();
    await way.getByRole('button', { name: 'Copy Command' }).click();
    const copied = () => bench.page.evaluate(() => navigator.clipboard.readText());
    await bench.until(async () => (await copied()) === 'systemctl --user start docker', 'command that mends it');
    await bench.page.locator('.statusbar-item[id="status.languageStatus"]').hover();
    const status = bench.page.locator('.hover-language-status', { hasText: 'docker' });
    await status.waitFor();
    assert.match(await status.innerText(), /Mend/);
    await bench.command('Codeteam: Mend What Is Wrong');
    await bench.notification('To mend it');
  }));

test('what a server ran that is killed or started again is over in every place', { timeout: 720_000 }, () =>
  within({}, async () => {
    bench.record('slug', { delay: 600 });
    await bench.open('slug.py');
    const ends = [
      [async () => bench.killLanguageServers(), 'the language server has ended, and with it “implement slug”'],
      [() => bench.command('Codeteam: Restart Server'), ''],
      [async () => bench.configure({ 'codeteam.pythonPath': `${PYTHON}3` }), ''],
    ];
    for (const [end, told] of ends) {
      await bench.goTo(STUB);
      await bench.codeAction('Codeteam: implement slug');
      const progress = bench.page.locator('.notification-toast', { hasText: 'writing the draft' });
      await progress.waitFor();
      const job = await bench.job('implement slug');
      await bench.until(async () => /iteration 1/.test(await job.innerText()), 'job at work in the view');
      const badge = bench.page.locator('.activitybar .badge-content, .activitybar .badge', { hasText: '1' });
      await badge.first().waitFor();
      const servers = bench.languageServers();
      assert.equal(servers.length, 1);
      await end();
      await progress.waitFor({ state: 'detached' });
      await bench.until(async () => /interrupted|cancelled/.test(await job.innerText()), 'end of the job in the view');
      await badge.first().waitFor({ state: 'detached' });
      assert.equal(await bench.page.locator('.pane-body .monaco-list-row .codicon-loading').count(), 0, 'nothing turns');
      if (told) await bench.notification(told);
      await bench.until(() => bench.languageServers().some((pid) => !servers.includes(pid)), 'new server');
      await bench.until(() => bench.languageServers().length === 1, 'end of the old one');
    }
    await bench.picture('server-gone');
  }));
