// What the reviewer and the static checks found, each with its place and its proof.

import type { JobReport, ReportFinding } from '../protocol';
import { type Html, html } from './html';
import { type IconName, icon } from './icons';
import { bounded, count } from './words';

const SEVERITIES: readonly { name: string; plural: string; icon: IconName }[] = [
  { name: 'error', plural: 'errors', icon: 'cross' },
  { name: 'warning', plural: 'warnings', icon: 'warning' },
  { name: 'information', plural: 'information', icon: 'info' },
  { name: 'hint', plural: 'hints', icon: 'info' },
];

export function findingsPanel(report: JobReport): Html {
  const { findings } = report;
  if (findings.length === 0) return html`<p class="empty">${icon('check')} Nothing was found.</p>`;
  return html`${filters(findings)}
<ul class="findings">${findings.map((finding, index) => card(finding, index, report))}</ul>
<p class="empty" id="all-filtered" hidden>Every finding is filtered out.</p>`;
}

function filters(findings: readonly ReportFinding[]): Html {
  const there = SEVERITIES.map((severity) => ({
    ...severity,
    number: findings.filter((found) => found.severity === severity.name).length,
  }));
  const shown = there.filter(({ number }) => number > 0);
  if (shown.length < 2) return html`<p class="hint">${count(findings.length, 'finding')}.</p>`;
  return html`<div class="tools" role="group" aria-label="Findings to show">${shown.map(
    ({ name, plural, number, icon: mark }) =>
      html`<button type="button" class="filter" aria-pressed="true" data-filter="${name}">${icon(mark)} ${count(number, name, plural)}</button> `
  )}</div>`;
}

function card(finding: ReportFinding, index: number, report: JobReport): Html {
  const { severity, path, startLine, endLine, rule, confidence } = finding;
  const mark = SEVERITIES.find(({ name }) => name === severity)?.icon ?? 'info';
  const lines = endLine > startLine ? `${startLine}–${endLine}` : `${startLine}`;
  const place = `${path}:${lines}`;
  return html`<li class="finding ${SEVERITIES.some(({ name }) => name === severity) ? severity : 'hint'}" data-severity="${severity}">
<article aria-labelledby="finding-${index}">
<h3 id="finding-${index}">${icon(mark)} <span class="severity">${severity}</span> ${bounded(finding.message, 2000)}</h3>
<p class="place"><button type="button" class="link" data-command="openFile" data-path="${path}" data-line="${startLine}" aria-label="Open ${place}"${!report.job.workspace && html` disabled`}>${place}</button> <code>${rule}</code> <span>${confidence >= 1 ? 'certain: a tool says so' : `the reviewer is ${Math.round(confidence * 100)} % sure`}</span></p>
${finding.quote.trim() && html`<pre class="quote" tabindex="0" aria-label="The code at ${place}">${bounded(finding.quote, 4000)}</pre>`}
<dl>${finding.trigger && html`<dt>Goes wrong with</dt><dd>${bounded(finding.trigger, 4000)}</dd>`}${finding.suggestion && html`<dt>Suggestion</dt><dd>${bounded(finding.suggestion, 4000)}</dd>`}</dl>
</article></li>`;
}
