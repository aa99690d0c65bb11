// The report as people meet it: what a page says, in every theme, by keyboard, and against hostile jobs. `REPORT` holds where things are, as JSON.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { THEMES, openReports } from './page.mjs';

const places = JSON.parse(process.env.REPORT ?? '{}');
/** Rules that colours can break: a page differs in nothing else from theme to theme. */
const COLOURS = ['color-contrast', 'link-in-text-block'];
const OF_COLOURS = { runOnly: { type: 'rule', values: COLOURS } };
const OF_ALL_ELSE = {
  runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
  rules: Object.fromEntries(COLOURS.map((id) => [id, { enabled: false }])),
};
let reports;

before(async () => {
  mkdirSync(places.pictures, { recursive: true });
  reports = await openReports(places);
});
after(() => reports?.close());

/** Opens a report, hands it over, and expects that nothing went wrong on the page. */
async function opened(name, theme, options, look) {
  const page = await reports.open(name, theme, options);
  try {
    await look(page.tab, page);
    assert.deepEqual(page.errors, []);
  } finally {
    await page.close();
  }
}

const told = (tab) => tab.locator('body').innerText();

/** Between them they have all that a theme colours, and are looked at whole in each; the rest, in one theme. */
const TELLING = ['stalled', 'findings', 'running'];
const OTHERS = ['service', 'failed', 'clean', 'refactored'];
/** The longest report: as it opens, in every theme. */
const LONGEST = 'service';

async function broken(tab, rules, ...where) {
  const { violations } = await tab.evaluate((options) => globalThis.axe.run(document, options), rules);
  return violations.map(({ id, nodes }) => [...where, id, ...nodes.slice(0, 2).map(({ html, failureSummary }) => `${html.slice(0, 300)} ${failureSummary}`)].join(' '));
}

/** Shows all that a page has, as whoever opens one tab and fold after the other sees it. */
function unfolded(tab) {
  return tab.evaluate(() => {
    for (const panel of document.querySelectorAll('[role=tabpanel]')) panel.hidden = false;
    for (const fold of document.querySelectorAll('details')) fold.open = true;
  });
}

test('no report breaks a rule of accessibility', async () => {
  const found = [];
  for (const name of [...TELLING, ...OTHERS]) {
    await opened(name, 'dark', {}, async (tab) => {
      await tab.evaluate(reports.axe);
      found.push(...(await broken(tab, OF_ALL_ELSE, name)));
      for (const key of name === 'service' || name === 'findings' ? ['changes', 'findings', 'evidence', 'drafts', 'plan'] : []) {
        await tab.click(`#tab-${key}`);
        if (name === 'findings') found.push(...(await broken(tab, OF_ALL_ELSE, name, key)));
        await tab.screenshot({ path: join(places.pictures, `report-${name}-${key}.png`) });
      }
      await unfolded(tab);
      found.push(...(await broken(tab, OF_ALL_ELSE, name, 'unfolded')));
    });
  }
  assert.deepEqual(found, []);
});

for (const theme of Object.keys(THEMES)) {
  test(`every report can be read in the ${theme} theme`, async () => {
    const found = [];
    for (const name of theme === 'dark' ? [...TELLING, ...OTHERS] : [...TELLING, LONGEST]) {
      await opened(name, theme, {}, async (tab) => {
        await tab.screenshot({ path: join(places.pictures, `report-${name}-${theme}.png`), fullPage: true });
        if (name !== LONGEST || theme === 'dark') await unfolded(tab);
        await tab.evaluate(reports.axe);
        found.push(...(await broken(tab, OF_COLOURS, name)));
      });
    }
    assert.deepEqual(found, []);
  });
}

test('a job that was sent back says at once what it has earned and why it went back', async () => {
  await opened('service', 'dark', {}, async (tab) => {
    const header = await tab.locator('header').innerText();
    assert.match(header, /Accepted: production/);
    assert.match(header, /Sent back 3 times/);
    assert.match(header, /Draft 1\s+Run\s+.*Error/);
    assert.match(header, /Draft 2\s+Review\s/);
    assert.match(header, /Draft 3\s+Tests\s/);
    const earned = await tab.locator('.ladder .earned b').allInnerTexts();
    assert.deepEqual(earned, ['draft', 'reviewed', 'tested', 'production']);
    const box = await tab.locator('.sent-back').boundingBox();
    assert.ok(box && box.y + box.height < 700, 'without scrolling');
  });
});

test('the picture shows each draft, its gates and the ways back, and says so in words and in a table', async () => {
  await opened('service', 'light', {}, async (tab) => {
    const picture = tab.locator('svg.picture');
    assert.deepEqual(await picture.locator('.row-name').allTextContents(), ['Plan 1', 'Draft 1', 'Draft 2', 'Draft 3', 'Draft 4']);
    assert.equal(await picture.locator('.way.back').count(), 3);
    const failed = await picture.locator('.station.failed .station-name').allTextContents();
    assert.deepEqual(failed, ['Run', 'Reviewer', 'Tests']);
    const stations = (row) => picture.locator('.row').nth(row).locator('.station-name').allTextContents();
    assert.deepEqual(await stations(-1), ['Developer', 'Run', 'Static checks', 'Reviewer', 'Tests']);
    assert.equal(await picture.getAttribute('role'), 'img');
    assert.match(await picture.locator('desc').textContent(), /Draft 2: Developer, Run, .*Reviewer \(failed\); sent back by Review/);
    await tab.locator('summary', { hasText: 'The path as a table' }).click();
    const rows = await tab.locator('.path tbody tr').count();
    assert.equal(rows, reports.reports.service.steps.length);
  });
});

test('what was run says what it was for, and what must fail is right when it does', async () => {
  await opened('examples', 'light', {}, async (tab) => {
    const stations = await tab.locator('svg.picture .row').last().locator('.station-name').allTextContents();
    assert.deepEqual(stations, ['Developer', 'Run', 'Examples', 'Static checks', 'Reviewer', 'Tester', 'Can tests fail?', 'Tests']);
    await tab.click('#tab-evidence');
    const runs = await tab.locator('.run > summary').evaluateAll((all) =>
      all.map((run) => [run.querySelector('b').textContent, run.querySelector('.outcome').textContent, run.firstElementChild.className])
    );
    const blind = ['tests without what they expect', 'exit code 0', 'good'];
    const stub = ['tests without code', 'fails against an empty implementation, as it must', 'good'];
    assert.deepEqual(runs.filter(([purpose]) => purpose.startsWith('tests ')), [blind, stub, blind]);
    assert.deepEqual(runs.filter(([, , tone]) => tone !== 'good'), []);
  });
});

test('other ends are told as they are', async () => {
  const ends = {
    stalled: [/Below what was asked: it does not run/, /the same failure came 3 times in a row/],
    failed: [/Failed/, /format/],
    clean: [/Nothing to report/, /nothing was changed/],
    findings: [/finding/],
    running: [/At work/, /Draft 1, executor: running the draft in the sandbox/],
  };
  for (const [name, patterns] of Object.entries(ends)) {
    await opened(name, 'dark', {}, async (tab) => {
      const words = await told(tab);
      for (const pattern of patterns) assert.match(words, pattern, name);
    });
  }
});

test('a change is marked by signs and numbers, and can be opened', async () => {
  await opened('refactored', 'dark', {}, async (tab, { posted }) => {
    const { files } = reports.reports.refactored;
    const changed = files.find(({ isNew }) => !isNew);
    const file = tab.locator('.file', { hasText: changed.path }).first();
    const added = await file.locator('tr.added .sign').first().textContent();
    const removed = await file.locator('tr.removed .sign').first().textContent();
    assert.deepEqual([added, removed], ['+added', '−removed']);
    await file.getByRole('button', { name: `Open file: ${changed.path}` }).click();
    await file.getByRole('button', { name: `Compare in the editor: ${changed.path}` }).click();
    assert.deepEqual(await posted(), [
      { command: 'openFile', path: changed.path, line: 1 },
      { command: 'openDiff', path: changed.path },
    ]);
  });
});

test('everything can be done by keyboard', async () => {
  await opened('service', 'dark', {}, async (tab) => {
    const active = () => tab.evaluate(() => document.activeElement?.id || document.activeElement?.textContent?.slice(0, 40));
    await tab.locator('#tab-changes').focus();
    for (const [key, expected] of [['ArrowRight', 'tab-findings'], ['End', 'tab-plan'], ['ArrowRight', 'tab-changes'], ['ArrowLeft', 'tab-plan'], ['Home', 'tab-changes']]) {
      await tab.keyboard.press(key);
      assert.equal(await active(), expected);
      assert.equal(await tab.locator(`[aria-labelledby=${expected}]`).isVisible(), true);
      assert.equal(await tab.locator('[role=tabpanel]:visible').count(), 1);
    }
    await tab.getByRole('button', { name: 'Open draft 2' }).focus();
    await tab.keyboard.press('Enter');
    assert.equal(await tab.locator('#draft-2').evaluate((draft) => draft.open), true);
    assert.match(await active(), /Draft 2/);
    await tab.keyboard.press('Enter');
    assert.equal(await tab.locator('#draft-2').evaluate((draft) => draft.open), false);
  });
});

test('what is pressed by keyboard alone has a visible focus', async () => {
  for (const theme of Object.keys(THEMES)) {
    await opened('service', theme, {}, async (tab) => {
      await tab.keyboard.press('Tab');
      const outline = await tab.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.equal(outline, 'solid', theme);
    });
  }
});

test('a finding leads to its place', async () => {
  await opened('findings', 'dark', {}, async (tab, { posted }) => {
    const { findings } = reports.reports.findings;
    assert.equal(await tab.locator('.finding').count(), findings.length);
    await tab.locator('.finding .link').first().click(); // a review has no changes: its findings are what is shown
    assert.deepEqual(await posted(), [{ command: 'openFile', path: findings[0].path, line: findings[0].startLine }]);
  });
});

test('findings can be filtered by their severity', async () => {
  await opened('hostile', 'dark', {}, async (tab) => {
    await tab.locator('#tab-findings').click();
    const severities = ['error', 'warning', 'information', 'hint'];
    assert.equal(await tab.locator('.finding:visible').count(), severities.length);
    for (const [index, severity] of severities.entries()) {
      const filter = tab.locator(`[data-filter=${severity}]`);
      await filter.press('Enter');
      assert.equal(await filter.getAttribute('aria-pressed'), 'false');
      assert.equal(await tab.locator(`.finding.${severity}`).isVisible(), false);
      assert.equal(await tab.locator('.finding:visible').count(), severities.length - index - 1);
    }
    assert.match(await told(tab), /Every finding is filtered out/);
    await tab.locator('[data-filter=hint]').press('Space');
    assert.equal(await tab.locator('.finding.hint').isVisible(), true);
  });
});

test('a page that is made anew while the job runs is where it was', async () => {
  let kept;
  await opened('service', 'dark', {}, async (tab) => {
    await tab.getByRole('button', { name: 'Open draft 3' }).click();
    await tab.waitForFunction(() => globalThis.kept?.open['draft:3']);
    kept = await tab.evaluate(() => globalThis.kept);
  });
  await opened('service', 'dark', { state: kept }, async (tab) => {
    assert.equal(await tab.locator('#tab-drafts').getAttribute('aria-selected'), 'true');
    assert.equal(await tab.locator('#draft-3').evaluate((draft) => draft.open), true);
    assert.match(await tab.evaluate(() => document.activeElement?.textContent ?? ''), /Draft 3/);
  });
  await opened('clean', 'dark', { state: kept }, async (tab) => {
    assert.equal(await tab.locator('#tab-drafts').getAttribute('aria-selected'), 'false'); // another job
  });
});

test('whatever has the focus, and however far a part is scrolled, it is there again when the page is made anew', async () => {
  let kept;
  await opened('service', 'dark', {}, async (tab) => {
    await unfolded(tab);
    const lost = await tab.evaluate(() => {
      const others = [];
      for (const element of document.querySelectorAll('button, summary, [tabindex="0"]')) {
        element.focus();
        if (document.activeElement === element && document.querySelector(globalThis.kept.focus) !== element) others.push(globalThis.kept.focus);
      }
      return others;
    });
    assert.deepEqual(lost, []);
  });
  await opened('service', 'dark', { width: 400 }, async (tab) => {
    const number = await tab.evaluate(() => {
      const parts = [...document.querySelectorAll('.scroll, pre')].filter((part) => part.scrollWidth > part.clientWidth + 20);
      for (const part of parts) part.scrollLeft = 15;
      return parts.length;
    });
    assert.ok(number > 0, 'something can be scrolled');
    await tab.waitForFunction((all) => Object.keys(globalThis.kept?.scrolled ?? {}).length === all, number);
    kept = await tab.evaluate(() => globalThis.kept);
  });
  await opened('service', 'dark', { width: 400, state: kept }, async (tab) => {
    for (const name of Object.keys(kept.scrolled)) assert.equal(await tab.locator(name).evaluate((part) => part.scrollLeft), 15, name);
  });
});

test('apply and run again are there only when they would do something', async () => {
  await opened('service', 'dark', {}, async (tab) => {
    assert.equal(await tab.locator('[data-command=apply], [data-command=rerun]').count(), 0);
  });
  const { job } = reports.reports.service;
  reports.reports.kept = { ...reports.reports.service, job: { ...job, state: 'kept', canApply: true, canRerun: true } };
  await opened('kept', 'dark', {}, async (tab, { posted }) => {
    await tab.getByRole('button', { name: 'Apply the edit' }).click();
    await tab.getByRole('button', { name: 'Run again' }).click();
    assert.deepEqual(await posted(), [{ command: 'apply' }, { command: 'rerun' }]);
    assert.match(await tab.locator('.verdict').innerText(), /kept, not applied/);
  });
});

test('a hostile job runs nothing, hides nothing and stays small', async () => {
  const html = reports.html('hostile');
  assert.ok(html.length < 6_000_000, `${html.length} characters`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be left
  assert.doesNotMatch(html, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/u);
  assert.equal(html.match(/<script/g)?.length, 1);
  assert.doesNotMatch(html, /\sstyle=|\son\w+="/);
  await opened('hostile', 'dark', {}, async (tab) => {
    assert.equal(await tab.locator('img').count(), 0);
    assert.notEqual(await tab.title(), 'run');
    assert.match(await tab.locator('h1').innerText(), /⟨U\+202E⟩gnp\.exe/);
    for (const key of ['findings', 'evidence', 'drafts', 'plan', 'changes']) await tab.click(`#tab-${key}`);
    assert.match(await told(tab), /more lines are not shown|left out|too different/);
    assert.ok((await tab.locator('*').count()) < 60_000);
    const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, 'the page itself is never scrolled sideways');
    await tab.screenshot({ path: join(places.pictures, 'report-hostile-dark.png') });
  });
});

test('the policy lets nothing in but the page’s own style and script', async () => {
  assert.match(reports.html('service'), /default-src &#39;none&#39;; style-src http:\/\/127\.0\.0\.1:\d+; script-src &#39;nonce-bm9uY2U&#39;;/);
  const page = await reports.open('service', 'dark');
  try {
    await page.tab.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = "document.title = 'run'";
      document.body.append(script);
      const image = new Image();
      image.src = '/x.png';
      document.body.append(image);
      document.body.setAttribute('style', 'display: none');
    });
    await page.tab.waitForTimeout(200);
    assert.notEqual(await page.tab.title(), 'run');
    assert.ok(page.errors.every((text) => /Content.Security.Policy/i.test(text)), page.errors.join('\n'));
    assert.equal(page.errors.length, 3);
    assert.ok(!reports.asked.includes('/x.png'));
    assert.equal(await page.tab.locator('h1').isVisible(), true);
  } finally {
    await page.close();
  }
});

test('it can be read in a narrow column', async () => {
  for (const name of ['service', 'findings']) {
    await opened(name, 'light', { width: 420, height: 900 }, async (tab) => {
      const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0);
      await tab.screenshot({ path: join(places.pictures, `report-${name}-narrow.png`) });
    });
  }
});
