// The report's page as an editor would show it: rendered from answers of the server, on loopback, in headless Chromium, with a theme's real colours.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { prepareModules } from '../../../scripts/package.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const EXTENSION = join(ROOT, 'client-extension');
/** As VS Code's web views have them; the colours and fonts were read from VS Code itself. */
export const THEMES = JSON.parse(readFileSync(new URL('themes.json', import.meta.url), 'utf8'));
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** `modules` is the folder of playwright-core and axe-core, `chromium` the browser's program, `out` a scratch folder. */
export async function openReports({ modules, chromium, answers, out }) {
  const require = createRequire(pathToFileURL(join(modules, 'x.js')));
  const { chromium: browsers } = require('playwright-core');
  const reports = JSON.parse(readFileSync(answers, 'utf8'));
  const { renderReport, script } = await bundled(out);
  const asked = [];
  const server = await served((url) => {
    asked.push(url);
    const name = url.slice(1);
    if (name === 'report.css') return ['text/css', readFileSync(join(EXTENSION, 'media', 'report.css'))];
    if (name === 'report.js') return ['text/javascript', script];
    return reports[name] && ['text/html', page(renderReport, reports[name], server.origin)];
  });
  const browser = await browsers.launch({ executablePath: chromium, args: FLAGS });
  return {
    reports,
    /** Every address that a page asked the server for. */
    asked,
    axe: readFileSync(join(dirname(require.resolve('axe-core')), 'axe.min.js'), 'utf8'),
    html: (name) => page(renderReport, reports[name], server.origin),
    /** A page with what it was told: `posted`, and what went wrong: `errors`. */
    open: async (name, theme = 'dark', { width = 1200, height = 900, state } = {}) => {
      const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce', timezoneId: 'UTC' });
      const tab = await context.newPage();
      const errors = [];
      tab.on('pageerror', (error) => errors.push(error.message));
      tab.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
      tab.on('request', (request) => request.url().startsWith(server.origin) || errors.push(`it asked for ${request.url()}`));
      await tab.addInitScript(asEditor, { ...THEMES[theme], state });
      await tab.goto(`${server.origin}/${name}`);
      return { tab, errors, posted: () => tab.evaluate(() => globalThis.posted), close: () => context.close() };
    },
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}

/** The page's script and the renderer, as the extension's own bundles are made. */
async function bundled(out) {
  await prepareModules();
  const { build } = await import('esbuild');
  const source = join(EXTENSION, 'src', 'report');
  const common = { bundle: true, logLevel: 'silent', charset: 'utf8', absWorkingDir: ROOT };
  const view = await build({ ...common, entryPoints: [join(source, 'view.ts')], format: 'iife', target: 'chrome130', write: false });
  const file = join(out, 'render.mjs');
  await build({ ...common, entryPoints: [join(source, 'render.ts')], format: 'esm', platform: 'node', outfile: file });
  const { renderReport } = await import(pathToFileURL(file).href);
  return { renderReport, script: Buffer.from(view.outputFiles[0].contents) };
}

function page(renderReport, report, origin) {
  return renderReport(report, { nonce: 'bm9uY2U', cspSource: origin, styleUri: `${origin}/report.css`, scriptUri: `${origin}/report.js` });
}

/** Runs in the page before anything else, and does there what VS Code does. */
function asEditor({ kind, variables, state }) {
  globalThis.posted = [];
  let kept = state;
  globalThis.acquireVsCodeApi = () => ({
    postMessage: (message) => globalThis.posted.push(message),
    getState: () => kept,
    setState: (value) => {
      kept = value;
      globalThis.kept = value;
    },
  });
  const dress = () => {
    for (const [name, value] of Object.entries(variables)) document.documentElement.style.setProperty(name, value);
    document.body.classList.add(...kind.split(' '));
  };
  // the body is dressed as soon as it is there, before the page's own script runs
  const watch = new MutationObserver(() => {
    if (!document.body) return;
    watch.disconnect();
    dress();
  });
  watch.observe(document, { childList: true, subtree: true });
}

async function served(answer) {
  const server = createServer((request, response) => {
    const found = answer(decodeURIComponent(request.url ?? '/'));
    response.writeHead(found ? 200 : 404, { 'content-type': `${found?.[0] ?? 'text/plain'}; charset=utf-8` });
    response.end(found?.[1] ?? '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
