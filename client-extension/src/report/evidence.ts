// What was done to believe the proposal: gates, tests, runs, models, and what a reader should know.

import type { JobReport, ReportCase, ReportRun, ReportTests } from '../protocol';
import { duration, outcome, purpose } from '../words';
import { type Html, html, nothing } from './html';
import { icon } from './icons';
import { bounded, count, gateName, grouped, money, output, shortened } from './words';

const CASES: Record<string, { icon: 'check' | 'cross' | 'stop'; tone: string }> = {
  passed: { icon: 'check', tone: 'good' },
  failed: { icon: 'cross', tone: 'bad' },
  error: { icon: 'cross', tone: 'bad' },
  skipped: { icon: 'stop', tone: 'none' },
};
/** Runs and cases shown; the command line has all. */
const MOST = 300;

export function evidencePanel(report: JobReport): Html {
  return html`${report.notes.length > 0 && html`<section><h3>Before you trust it</h3><ul>${report.notes.slice(-50).map((note) => html`<li>${bounded(note, 2000)}</li>`)}</ul></section>`}
${gates(report)}
${report.tests ? tests(report.tests) : nothing}
${runs(report.runs)}
${spent(report)}`;
}

function gates({ gates }: JobReport): Html {
  if (gates.length === 0) return nothing;
  return html`<section><h3>Gates</h3><ul class="marks">${gates.map(
    ({ name, passed, detail }) =>
      html`<li class="${passed ? 'good' : 'bad'}">${icon(passed ? 'check' : 'cross')} <b>${gateName(name)}</b> <span class="unseen">${passed ? 'passed' : 'failed'}</span> ${bounded(detail, 2000)}</li>`
  )}</ul></section>`;
}

function tests(tests: ReportTests): Html {
  const { passed, failed, errors, skipped, coverage, problem, cases } = tests;
  const counts = [
    count(passed, 'passed', 'passed'),
    failed && `${failed} failed`,
    errors && count(errors, 'error'),
    skipped && `${skipped} skipped`,
  ];
  const covered = coverage === null ? '' : `; ${coverage.toFixed(0)} % of the statements ran`;
  const first = [...cases].sort((a, b) => weight(a) - weight(b));
  return html`<section><h3>Tests</h3>
<p>${counts.filter(Boolean).join(', ')}${covered}.${problem && html` <span class="bad">${bounded(problem, 2000)}</span>`}</p>
${cases.length > 0 && html`<details data-key="cases"${failed + errors > 0 && html` open`}><summary>${count(cases.length, 'test case')}</summary><ul class="marks">${first.slice(0, MOST).map(testCase)}</ul>${more(first.length)}</details>`}
</section>`;
}

function weight({ outcome }: ReportCase): number {
  return outcome === 'failed' || outcome === 'error' ? 0 : outcome === 'skipped' ? 1 : 2;
}

function testCase({ name, outcome, message }: ReportCase): Html {
  const { icon: mark, tone } = CASES[outcome] ?? { icon: 'stop' as const, tone: 'none' };
  return html`<li class="${tone}">${icon(mark)} <code>${bounded(name, 500)}</code> <span class="unseen">${outcome}</span>${message && html`<pre tabindex="0" aria-label="What ${bounded(name, 200)} said">${output(message)}</pre>`}</li>`;
}

function runs(runs: readonly ReportRun[]): Html {
  if (runs.length === 0) return nothing;
  const shown = runs.slice(-MOST).map((run, index) => ({ run, index }));
  const drafts = [...new Set(shown.map(({ run }) => run.iteration))];
  return html`<section><h3>Runs in the sandbox</h3>${more(runs.length)}${drafts.map(
    (draft) =>
      html`<h4>${draft ? `Draft ${draft}` : 'The code as it was'}</h4>${shown.filter(({ run }) => run.iteration === draft).map(({ run, index }) => oneRun(run, index))}`
  )}</section>`;
}

function oneRun(run: ReportRun, index: number): Html {
  const { argv, seconds } = run;
  const { words, good } = outcome(run);
  const said = output(run.output);
  const command = argv.map(quoted).join(' ');
  return html`<details class="run" data-key="run:${index}"><summary><span class="${good ? 'good' : 'bad'}">${icon(good ? 'check' : 'cross')}</span> <b>${purpose(run.purpose)}</b> <span class="outcome">${words}</span> <span class="hint">${duration(seconds)}</span> <code class="hint">${shortened(command.replace(/^\S*\//, ''), 70)}</code></summary>
<pre tabindex="0" aria-label="What this run wrote"><span class="command">$ ${bounded(command, 4000)}</span>
${said || '(it wrote nothing)'}</pre></details>`;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function spent(report: JobReport): Html {
  const { usage, models, image, seconds } = report;
  const rows: [string, string][] = [
    ['Models', models.join(', ') || 'none replied'],
    ['Calls', grouped(usage.calls)],
    ['Tokens', `${grouped(usage.promptTokens)} read, ${grouped(usage.completionTokens)} written`],
    ['Cost', money(usage.cost)],
    ['Time', duration(seconds)],
    ['Sandbox', image || 'not used'],
  ];
  return html`<section><h3>What it took</h3><dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

function more(number: number): Html {
  return number > MOST ? html`<p class="hint">${grouped(number - MOST)} more are not shown here.</p>` : nothing;
}
