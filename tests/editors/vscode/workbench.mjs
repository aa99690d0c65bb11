// VS Code as its users see it: a server of its own, the packaged extension in it, and a browser that is driven by keys.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder } from '../../../scripts/cache.mjs';

export const ROOT = resolve(import.meta.dirname, '../../..');
export const PICTURES = join(ROOT, 'dist', 'screenshots');
/** Milliseconds that anything may take on a busy machine before a test says that it did not happen. */
export const PATIENCE = 180_000;
/** Milliseconds that what VS Code started may go on after its end. */
const LAST_WORDS = 60_000;
/** Where the editors are, as `node scripts/start.cjs editors` prints it. */
const PLACES = JSON.parse(process.env.EDITORS);
const VSIX = join(ROOT, 'dist', 'codeteam.vsix');
export const PYTHON = join(ROOT, '.venv', 'bin', 'python');
const { chromium } = await import(pathToFileURL(join(PLACES.modules, 'playwright-core', 'index.mjs')));

const SETTINGS = {
  'chat.disableAIFeatures': true, // other entries of that kind would stand in the menus
  'editor.lightbulb.enabled': 'on',
  'git.enabled': false,
  'remote.autoForwardPorts': false,
  'security.workspace.trust.startupPrompt': 'never',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'files.autoSave': 'off',
  'editor.minimap.enabled': false,
  'editor.scrollbar.horizontal': 'hidden', // else they are on pictures, or not, as the mouse moved
  'editor.scrollbar.vertical': 'hidden',
  'codeteam.pythonPath': PYTHON,
};

/** Keeps VS Code's own pages from moving, run in each: without a graphics card, what turns while a job runs is drawn by a processor. */
function stand() {
  if (window !== window.top) return; // the report is ours, and moves as it does
  const style = document.createElement('style');
  style.textContent = '*, ::before, ::after { animation: none !important; transition: none !important }';
  const add = () => (document.documentElement ? document.documentElement.append(style) : setTimeout(add, 1));
  add();
}

/** A test that leaves a picture and the logs when it fails; `bench` gives the Workbench that it works on. */
export function testIn(bench, name, work) {
  test(name, { timeout: 4 * PATIENCE }, async () => {
    try {
      await work();
    } catch (error) {
      await bench()?.keepEvidence(name);
      throw error;
    }
  });
}

export class Workbench {
  /**
   * Starts VS Code. `settings` are the user's, `environ` the server's, `extensions` are folders of further extensions;
   * with `driver` extensions can be run from their folders, and VS Code shows no notifications.
   */
  static async start({ settings = {}, environ = {}, trusted = true, extensions = [], driver = false } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'codeteam-vscode-'));
    const bench = new Workbench(folder);
    try {
      bench.record('slug');
      bench.configure({ 'codeteam.model': `script/${bench.replies}`, ...settings });
      await bench.startServer({ environ, trusted, driver, packages: [VSIX, ...extensions.map((from) => pack(from, folder))] });
      bench.browser = await chromium.launch({ executablePath: PLACES.chromium, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
      // one for all windows, which then find VS Code in its cache
      bench.context = await bench.browser.newContext({ viewport: { width: 1280, height: 800 } });
      await bench.context.addInitScript(stand);
      await bench.context.grantPermissions(['clipboard-read', 'clipboard-write']);
      return bench;
    } catch (error) {
      await bench.stop();
      throw error;
    }
  }

  constructor(folder) {
    this.folder = folder;
    this.shops = 0;
    this.replies = join(folder, 'replies.md');
    this.log = join(folder, 'server.log');
    this.hostTests = join(folder, 'host-tests.json');
  }

  /** What the team says from now on; `approved` is the reviewer's verdict, `module` the name of what it writes. */
  record(name, { delay = 0, approved = true, module = name } = {}) {
    const said = readFileSync(join(import.meta.dirname, '..', 'replies', `${name}.md`), 'utf8');
    const text = said.replaceAll(`${name}.py`, `${module}.py`).replaceAll(`from ${name} `, `from ${module} `);
    writeFileSync(this.replies, text.replace('"approved": true', `"approved": ${approved}`).replaceAll('DELAY', delay ? `delay=${delay}` : ''));
  }

  /** The user's settings, of the machine where the server is and of the browser. */
  configure(settings) {
    for (const place of ['User', 'Machine']) {
      const file = join(this.folder, 'data', place, 'settings.json');
      mkdirSync(dirname(file), { recursive: true });
      const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : SETTINGS;
      writeFileSync(file, JSON.stringify({ ...before, ...settings }, null, 2));
    }
  }

  read(name) {
    return readFileSync(join(this.shop, name), 'utf8');
  }

  has(name) {
    return existsSync(join(this.shop, name));
  }

  /** Opens a file of a fresh copy of the shop in a fresh window; `files` are put into the copy before, programs all. */
  async open(name, { payload = {}, files = {}, prepare = async () => {} } = {}) {
    await this.page?.close();
    this.shops += 1;
    this.shop = join(this.folder, `${this.shops}`, 'shop');
    cpSync(join(import.meta.dirname, '..', 'workspace'), this.shop, { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.shop, path)), { recursive: true });
      writeFileSync(join(this.shop, path), text, { mode: 0o755 });
    }
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(PATIENCE);
    this.console = [];
    this.page.on('console', (message) => this.console.push(`${message.type()}: ${message.text()}`));
    await prepare(this.page);
    const pairs = Object.entries({ openFile: this.remote(join(this.shop, name)), ...payload });
    const query = new URLSearchParams({ folder: this.shop, payload: JSON.stringify(pairs) });
    await this.page.goto(`http://127.0.0.1:${this.port}/?${query}`, { timeout: PATIENCE });
    await this.page.locator('.tab.active', { hasText: name }).waitFor({ timeout: PATIENCE });
  }

  /** Opens a file of the window's shop, or of a fresh one where there is no window; quicker than a fresh window is. */
  async show(name) {
    if (!this.page) return this.open(name);
    await this.command('Notifications: Clear All Notifications');
    await this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name }).dblclick();
    await this.page.locator('.tab.active', { hasText: name }).waitFor({ timeout: PATIENCE });
  }

  /** As `open` without anything to prepare, in the window that there is: files and buffers as at first, and nothing shown. */
  async again(name) {
    if (!this.page) return this.open(name);
    cpSync(join(import.meta.dirname, '..', 'workspace'), this.shop, { recursive: true });
    rmSync(join(this.shop, 'tests'), { recursive: true, force: true });
    await this.command('Notifications: Clear All Notifications');
    const tab = this.page.locator('.tab.active', { hasText: name });
    if (await tab.isVisible()) await this.command('File: Revert File');
    else await this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name }).dblclick();
    await tab.waitFor({ timeout: PATIENCE });
    await this.until(async () => (await this.text()) === this.read(name), `text of ${name} as it is on the disk`);
  }

  /** Runs a module of tests in the extension host; resolves to what each told, and to VS Code's exit code. */
  async runInHost(name, extension, tests) {
    let ended;
    const code = new Promise((resolve) => {
      ended = resolve;
    });
    const prepare = async (page) => {
      await page.exposeFunction('codeAutomationLog', () => {});
      await page.exposeFunction('codeAutomationExit', (number) => ended(number));
    };
    const payload = { extensionDevelopmentPath: this.remote(extension), extensionTestsPath: this.remote(tests) };
    await this.open(name, { payload, prepare });
    const late = sleep(2 * PATIENCE, 'no end in time', { ref: false });
    const verdict = await Promise.race([code, late]);
    return { results: existsSync(this.hostTests) ? JSON.parse(readFileSync(this.hostTests, 'utf8')) : [], code: verdict };
  }

  /** A path of the server as the window names it. */
  remote(path) {
    return `vscode-remote://127.0.0.1:${this.port}${path}`;
  }

  /** Runs a command by the palette; opens it again where a window that still loads has taken the focus from it. */
  async command(title) {
    const row = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: title }).first();
    const input = this.page.locator('.quick-input-widget input.input');
    await this.until(async () => {
      try {
        await this.page.keyboard.press('F1');
        await input.waitFor({ timeout: 5000 });
        await input.fill(`>${title}`, { timeout: 2000 });
        await row.waitFor({ timeout: 5000 });
        await row.click({ timeout: 2000 });
        return true;
      } catch {
        if (await input.isVisible()) await this.page.keyboard.press('Escape'); // one that stays open offers what it did
        return false;
      }
    }, `command "${title}"`);
  }

  /** Types into the quick input and takes the entry of exactly that name. */
  async pick(text) {
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor({ timeout: PATIENCE });
    await input.fill(text);
    await this.until(async () => (await input.inputValue()) === text, `"${text}" in the quick input`);
    const row = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: text }).first();
    await row.waitFor({ timeout: PATIENCE });
    await row.click();
  }

  /** Goes to a line of the active editor, at the end of its text. */
  async goTo(line) {
    await this.page.locator('.editor-group-container.active .monaco-editor .view-lines').first().click();
    await this.page.keyboard.press('Control+g');
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor({ timeout: PATIENCE });
    await input.fill(`:${line}`);
    await this.until(async () => (await input.inputValue()) === `:${line}`, `line ${line} in the quick input`);
    await this.page.keyboard.press('Enter');
    await this.page.locator('.statusbar-item', { hasText: `Ln ${line},` }).waitFor({ timeout: PATIENCE });
    await this.page.keyboard.press('End');
  }

  /** Opens the menu of code actions, once it holds this entry; resolves to the titles of its entries. */
  async codeActions(title) {
    const rows = this.page.locator('.action-widget .monaco-list-row.action');
    let titles = [];
    let patience = 500; // there is no menu before the server is there, and on a busy machine it comes late
    await this.until(async () => {
      await this.page.keyboard.press('Control+.');
      patience = Math.min(2 * patience, 10_000);
      await rows.first().waitFor({ timeout: patience }).catch(() => undefined);
      titles = await rows.allInnerTexts();
      if (titles.some((one) => one.includes(title))) return true;
      await this.page.keyboard.press('Escape');
      return false;
    }, `code action "${title}"`);
    return titles.map((one) => one.replace(/\u00a0/g, ' ').trim());
  }

  /** Takes an entry of that menu by the keyboard. */
  async codeAction(title) {
    await this.codeActions(title);
    const focused = this.page.locator('.action-widget .monaco-list-row.action.focused');
    for (let step = 0; step < 40; step += 1) {
      if ((await focused.allInnerTexts()).some((one) => one.replace(/\u00a0/g, ' ').includes(title))) {
        await this.page.keyboard.press('Enter');
        return;
      }
      await this.page.keyboard.press('ArrowDown');
    }
    throw new Error(`the keyboard does not reach "${title}"`);
  }

  /** Takes an entry of the menu that is under a place; tries again where a menu was not yet ready to be clicked at. */
  async menu(place, ...path) {
    const items = this.page.locator('.context-view .action-item, .monaco-menu .action-item');
    const entry = (name) => items.filter({ hasText: name }).last();
    const patience = { timeout: 5000 };
    await this.until(async () => {
      try {
        await place.click({ button: 'right', ...patience });
        for (const name of path.slice(0, -1)) await entry(name).hover(patience);
        await entry(path.at(-1)).waitFor(patience);
        await sleep(300); // a menu takes no click in its first tenth of a second
        await entry(path.at(-1)).click(patience);
        await entry(path.at(-1)).waitFor({ state: 'hidden', ...patience });
        return true;
      } catch {
        // no more than it takes: in the list below it would clear what is selected
        for (const _ of path) if (await entry(path[0]).isVisible()) await this.page.keyboard.press('Escape');
        return false;
      }
    }, `entry "${path.join(' > ')}" of a menu`);
  }

  /** A notification that holds these words. */
  async notification(words) {
    const toast = this.page.locator('.notification-toast').filter({ hasText: words }).first();
    await toast.waitFor({ timeout: PATIENCE });
    return toast;
  }

  /** Opens the walkthrough; resolves to a look at which of its steps are done, by their ids. */
  async walkthrough() {
    const title = 'Get Started with Codeteam';
    const row = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: title }).first();
    // a window that still loads closes the list as it takes the focus
    await this.until(async () => {
      await this.command('Welcome: Open Walkthrough...');
      return row.waitFor({ timeout: 10_000 }).then(() => true, () => false);
    }, 'list of walkthroughs');
    await row.click();
    const steps = this.page.locator('.getting-started-step');
    await steps.first().waitFor();
    return () =>
      steps.evaluateAll((all) =>
        Object.fromEntries(all.map((step) => [step.dataset.stepId.split('#').at(-1), step.querySelector('.codicon.complete') !== null]))
      );
  }

  /** Whether the log of the extension holds these words. */
  logged(words) {
    const logs = join(this.folder, 'data', 'logs');
    return spawnSync('grep', ['-rqF', words, '--include=*Codeteam.log', logs]).status === 0;
  }

  /** The refactor preview, once a proposal stands in it. */
  async preview() {
    const panel = this.page.locator('.bulk-edit-panel');
    await panel.locator('.monaco-list-row').first().waitFor({ timeout: PATIENCE });
    return panel;
  }

  /** Ticks every file of the preview: what needs a confirmation starts without. */
  async tickAll(panel) {
    // a file's tick ticks what is below it
    for (const box of await panel.locator('.monaco-list-row[aria-level="1"] [role="checkbox"]').all()) await box.click();
    await this.until(async () => (await panel.locator('[role="checkbox"][aria-checked="false"]').count()) === 0, 'ticks');
  }

  /** A job's row in the job view, which is opened; the newest of that title. */
  async job(title) {
    await this.command('Codeteam: Focus on Jobs View');
    const row = this.page.locator('.pane-body .monaco-list-row[aria-level="1"]', { hasText: title }).first();
    await row.waitFor({ timeout: PATIENCE });
    return row;
  }

  /** The page inside the web view of that title, once it is there. */
  async webview() {
    const outer = this.page.frameLocator('iframe.webview.ready').first();
    const inner = outer.locator('iframe#active-frame');
    await inner.waitFor({ timeout: PATIENCE });
    const frame = await (await inner.elementHandle()).contentFrame();
    await frame.locator('main').waitFor({ timeout: PATIENCE });
    return frame;
  }

  /** What axe-core finds wrong with a page, each with the rule and the element. */
  async violations(frame) {
    await frame.evaluate(readFileSync(join(PLACES.modules, 'axe-core', 'axe.min.js'), 'utf8'));
    const { violations } = await frame.evaluate(() => globalThis.axe.run());
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}: ${failureSummary}`));
  }

  /** The text of the active editor, as it is in the buffer. */
  async text() {
    await this.page.locator('.editor-group-container.active .monaco-editor .view-lines').first().click();
    await this.page.keyboard.press('Control+a');
    await this.page.keyboard.press('Control+c');
    const text = await this.page.evaluate(() => navigator.clipboard.readText());
    return text.replaceAll('\r\n', '\n');
  }

  /** Waits until `look` gives something true, and resolves to it. */
  async until(look, what, pause = 200) {
    for (const end = Date.now() + PATIENCE; ; await sleep(pause)) {
      const found = await look();
      if (found) return found;
      if (Date.now() > end) throw new Error(`in ${PATIENCE / 1000} s: no ${what}`);
    }
  }

  /** Keeps a picture of the window, to be looked at. */
  async picture(name) {
    mkdirSync(PICTURES, { recursive: true });
    await this.page.mouse.move(640, 798);
    await sleep(500); // what fades in is there then
    await this.page.screenshot({ path: join(PICTURES, `${name}.png`) });
  }

  /** Keeps what tells why a test failed. */
  async keepEvidence(name) {
    let folder = join(PICTURES, 'failed', name.replace(/[^\w]+/g, '-').slice(0, 80));
    while (existsSync(folder)) folder += '-again';
    mkdirSync(folder, { recursive: true });
    if (this.page) await this.page.screenshot({ path: join(folder, 'window.png') }).catch(() => undefined);
    if (this.console) writeFileSync(join(folder, 'console.log'), this.console.join('\n'));
    if (existsSync(this.log)) copyFileSync(this.log, join(folder, 'server.log'));
    const logs = join(this.folder, 'data', 'logs');
    if (existsSync(logs)) cpSync(logs, join(folder, 'logs'), { recursive: true });
  }

  /** Runs Codeteam's command line in the shop, with the history that the window has; ends with its exit code. */
  elsewhere(...argv) {
    const run = spawn(PYTHON, ['-P', '-m', 'codeteam', ...argv], { cwd: this.shop, env: this.env, stdio: 'ignore' });
    return new Promise((done) => run.once('close', done));
  }

  /** Every job that was ever begun, as the command line tells of them. */
  jobs() {
    return this.history().jobs;
  }

  /** What the command line tells of the history, or of one job. */
  history(...job) {
    const argv = ['-P', '-m', 'codeteam', 'jobs', '--json', ...job];
    return JSON.parse(execFileSync(PYTHON, argv, { cwd: this.folder, env: this.env, encoding: 'utf8' }));
  }

  /** The language servers of all windows, by their numbers. */
  languageServers() {
    return descendants(this.server.pid).filter(({ name }) => name.endsWith(' -m codeteam serve')).map(({ pid }) => pid);
  }

  /** Kills them, as a fault in them would. */
  killLanguageServers() {
    const found = this.languageServers();
    for (const pid of found) process.kill(pid, 'SIGKILL');
    return found.length;
  }

  /** Ends everything that was started; resolves to the programs that stayed, by their command lines. */
  async stop() {
    const family = this.server?.pid ? descendants(this.server.pid) : [];
    await this.browser?.close();
    if (this.server && this.server.exitCode === null) {
      this.server.kill('SIGTERM');
      await Promise.race([once(this.server, 'exit'), sleep(10_000)]);
    }
    let left = family.filter(isThere);
    // a look at the machine that had just begun ends by itself
    for (const end = Date.now() + LAST_WORDS; left.length && Date.now() < end; left = left.filter(isThere)) await sleep(200);
    const names = left.map(({ name }) => name);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    return names;
  }

  async startServer({ environ, trusted, driver, packages }) {
    this.port = await freePort();
    const home = join(this.folder, 'home');
    mkdirSync(home, { recursive: true });
    const env = (this.env = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(CODETEAM_|XDG_|VSCODE_)/.test(name))),
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_DATA_HOME: join(home, '.local', 'share'),
      XDG_STATE_HOME: join(home, '.local', 'state'),
      PATH: [dirname(PLACES.node), process.env.PATH].join(delimiter),
      EXTENSIONS_GALLERY: '{"serviceUrl":"","itemUrl":"","resourceUrlTemplate":""}',
      CODETEAM_CACHE: cacheFolder(),
      CODETEAM_WORKER_PYTHON: PYTHON,
      CODETEAM_HOST_TESTS: this.hostTests,
      ...environ,
    });
    const places = ['--user-data-dir', join(this.folder, 'data'), '--extensions-dir', join(this.folder, 'extensions')];
    const wanted = packages.flatMap((path) => ['--install-extension', path]);
    const installed = spawnSync(PLACES.node, [PLACES.codeServer, ...places, ...wanted], { env, encoding: 'utf8', timeout: 2 * PATIENCE });
    if (installed.status !== 0) throw new Error(`the VSIX does not install:\n${installed.stdout}${installed.stderr}`);
    const options = ['--auth', 'none', '--bind-addr', `127.0.0.1:${this.port}`, '--disable-telemetry', '--disable-update-check'];
    options.push('--reconnection-grace-time', '30'); // seconds that the extensions of a closed window run on
    if (driver) options.push('--vscode-option', 'enable-smoke-test-driver');
    if (trusted) options.push('--disable-workspace-trust');
    const output = openSync(this.log, 'a');
    this.server = spawn(PLACES.node, [PLACES.codeServer, ...places, ...options], { env, cwd: this.folder, stdio: ['ignore', output, output] });
    closeSync(output);
    await this.until(async () => {
      if (this.server.exitCode !== null) throw new Error(`VS Code's server has ended:\n${readFileSync(this.log, 'utf8').slice(-2000)}`);
      return fetch(`http://127.0.0.1:${this.port}/healthz`).then(({ ok }) => ok, () => false);
    }, 'answer of the VS Code server');
  }
}

/** Packs an extension of the tests; returns the package's path. */
function pack(from, to) {
  const path = join(to, `${basename(from)}.vsix`);
  const vsce = join(ROOT, 'node_modules', '@vscode', 'vsce', 'vsce');
  const made = spawnSync(PLACES.node, [vsce, 'package', '--no-dependencies', '--allow-missing-repository', '--skip-license', '--out', path], { cwd: from, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`${from} cannot be packed:\n${made.stdout}${made.stderr}`);
  return path;
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** A process and all that descend from it, each with what tells it from a later one of the same number. */
function descendants(pid) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => stat(Number(name))).filter(Boolean);
  const found = all.filter((one) => one.pid === pid);
  for (let at = 0; at < found.length; at += 1) found.push(...all.filter((one) => one.parent === found[at].pid));
  return found;
}

function isThere({ pid, started }) {
  const now = stat(pid);
  return now !== null && now.started === started && now.state !== 'Z';
}

function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const name = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, parent: Number(fields[1]), state: fields[0], started: fields[19], name };
  } catch {
    return null;
  }
}
