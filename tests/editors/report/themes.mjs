// Reads the colours that VS Code's own themes give to web views, for themes.json: `node tests/editors/report/themes.mjs PLACES`,
// where PLACES is what `node scripts/start.cjs editors` prints. Run it when VS Code is updated.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const STYLE = new URL('../../../client-extension/media/report.css', import.meta.url);
/** VS Code's own themes, a part of the class that each gives to the window, and the classes of a web view's body. */
const THEMES = {
  dark: ['Dark 2026', '2026-dark', 'vscode-dark'],
  light: ['Light 2026', '2026-light', 'vscode-light'],
  'high-contrast': ['Default High Contrast', 'hc_black', 'vscode-high-contrast'],
  'high-contrast-light': ['Default High Contrast Light', 'hc_light', 'vscode-high-contrast vscode-high-contrast-light'],
};
/** What VS Code sets in a web view beside the colours. */
const FONTS = { '--vscode-font-family': "'DejaVu Sans', sans-serif", '--vscode-font-size': '13px', '--vscode-editor-font-family': "'DejaVu Sans Mono', monospace", '--vscode-editor-font-size': '13px' };

const places = JSON.parse(process.argv[2]);
const { chromium } = createRequire(pathToFileURL(join(places.modules, 'x.js')))('playwright-core');
const wanted = [...new Set(readFileSync(STYLE, 'utf8').match(/--vscode-[\w-]+/g))].sort();
const home = mkdtempSync(join(tmpdir(), 'codeteam-themes-'));
const settings = join(home, 'data', 'User', 'settings.json');
mkdirSync(join(home, 'data', 'User'), { recursive: true });
const port = await free();
const themes = {};
const editor = spawn(places.node, [places.codeServer, '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--user-data-dir', join(home, 'data'), '--extensions-dir', join(home, 'extensions'), '--disable-telemetry', '--disable-update-check', home], {
  env: { ...process.env, HOME: home, EXTENSIONS_GALLERY: '{"serviceUrl":"","itemUrl":"","resourceUrlTemplate":""}' },
  stdio: 'ignore',
});
const browser = await chromium.launch({ executablePath: places.chromium, args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const [name, [theme, id, kind]] of Object.entries(THEMES)) {
    writeFileSync(settings, JSON.stringify({ 'workbench.colorTheme': theme, 'window.autoDetectColorScheme': false, 'window.autoDetectHighContrast': false, 'chat.disableAIFeatures': true }));
    themes[name] = { kind, variables: { ...(await colours(id)), ...FONTS } };
  }
} finally {
  await browser.close();
  editor.kill();
  rmSync(home, { recursive: true, force: true });
}
writeFileSync(new URL('themes.json', import.meta.url), `${JSON.stringify(themes, null, 2)}\n`);

async function colours(id) {
  const context = await browser.newContext();
  const page = await context.newPage();
  for (let tries = 0; ; tries++) {
    try {
      await page.goto(`http://127.0.0.1:${port}/`);
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  await page.waitForSelector('.monaco-workbench .part.editor', { timeout: 120_000 });
  await page.waitForSelector(`.monaco-workbench[class*="${id}"]`, { timeout: 60_000 }); // the theme's own file was read
  const found = await page.evaluate((names) => {
    const style = getComputedStyle(document.querySelector('.monaco-workbench'));
    return names.map((name) => [name, style.getPropertyValue(name).trim()]);
  }, wanted);
  await context.close();
  return Object.fromEntries(found.filter(([, value]) => value));
}

function free() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
