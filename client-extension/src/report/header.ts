// The first five seconds: what came of the job, what it has earned, and why drafts went back.

import type { JobReport, Quality } from '../protocol';
import { duration, state, tokens } from '../words';
import type { Compared } from './changes';
import { type Html, html, nothing } from './html';
import { type IconName, icon } from './icons';
import { type Verdict, verdictOf } from './verdict';
import { cause, count, firstLine, gateName, grouped, isGoing, moment, money, QUALITIES } from './words';

const MARKS: Record<Verdict['tone'], IconName> = { good: 'check', poor: 'warning', bad: 'cross', none: 'stop' };

export function header(report: JobReport, files: readonly Compared[]): Html {
  const { job } = report;
  const verdict = verdictOf(report);
  const where = job.workspace.split(/[\\/]/).filter(Boolean).at(-1) ?? '';
  return html`<header>
<p class="overline">${job.intent} · ${moment(job.created)}${where && ` · ${where}`} · job ${job.jobId}</p>
<h1>${job.title || job.jobId}</h1>
<div class="verdict ${verdict.tone}" role="status">
<div class="verdict-mark">${icon(isGoing(report) ? 'dots' : MARKS[verdict.tone])}</div>
<div class="verdict-words"><p class="verdict-title">${verdict.title} ${standing(report)}</p>${verdict.why && html`<p>${firstLine(verdict.why, 400)}</p>`}</div>
<div class="actions">${job.canApply && html`<button type="button" class="primary" data-command="apply">Apply the edit</button> `}${job.canRerun && html`<button type="button" class="secondary" data-command="rerun">Run again</button>`}</div>
</div>
${job.intent === 'review' ? nothing : ladder(report)}
${sentBack(report)}
${figures(report, files)}
</header>`;
}

/** Where the proposal is now: the verdict is of the team, this is of the user. */
function standing({ job }: JobReport): Html {
  return ['applied', 'kept', 'proposed'].includes(job.state) ? html`<span class="badge">${state(job.state)}</span>` : nothing;
}

function ladder(report: JobReport): Html {
  const earned = report.quality ? rank(report.quality) : 0;
  const failed = report.gates.filter(({ passed }) => !passed).map(({ name }) => gateName(name));
  return html`<ol class="ladder" aria-label="Quality earned">${QUALITIES.map(({ name, meaning }, index) => {
    const has = index < earned;
    const stopped = index === earned && failed.length > 0 && !isGoing(report);
    return html`<li class="${has ? 'earned' : stopped ? 'stopped' : 'open'}">${icon(has ? 'check' : stopped ? 'cross' : 'ring')} <b>${name}</b> <span class="unseen">${has ? 'earned' : 'not earned'}</span><span class="meaning">${stopped ? `stopped by ${failed.join(', ')}` : meaning}</span></li>`;
  })}</ol>`;
}

function rank(quality: Quality): number {
  return QUALITIES.findIndex(({ name }) => name === quality) + 1;
}

function sentBack({ iterations }: JobReport): Html {
  const back = iterations.filter((iteration) => iteration.sentBack);
  if (back.length === 0) return nothing;
  return html`<section class="sent-back" aria-labelledby="sent-back-title"><h2 id="sent-back-title">Sent back ${back.length === 1 ? 'once' : `${back.length} times`}</h2>
<ul>${back.slice(0, 10).map(({ number, sentBack }) => html`<li><button type="button" class="link" data-goto="draft-${number}" aria-label="Open draft ${number}">Draft ${number}</button> <b>${gateName(sentBack?.gate ?? '')}</b> <span>${cause(sentBack?.text ?? '')}</span></li>`)}</ul></section>`;
}

function figures(report: JobReport, files: readonly Compared[]): Html {
  const { tests, usage, iterations, seconds, findings } = report;
  const added = files.reduce((sum, { change }) => sum + change.added, 0);
  const removed = files.reduce((sum, { change }) => sum + change.removed, 0);
  const all = tests ? tests.passed + tests.failed + tests.errors : 0;
  const shown: [string, string | false][] = [
    ['Changes', files.length > 0 && `${count(files.length, 'file')}, +${grouped(added)} −${grouped(removed)}`],
    ['Tests', all > 0 && `${tests?.passed} of ${all} pass`],
    ['Findings', `${findings.length || 'none'}`],
    ['Drafts', iterations.length > 0 && `${iterations.length}`],
    ['Time', duration(seconds)],
    ['Models', usage.calls > 0 && `${count(usage.calls, 'call')}, ${tokens(usage.promptTokens + usage.completionTokens)}`],
    ['Cost', usage.calls > 0 && money(usage.cost)],
  ];
  return html`<dl class="figures">${shown.map(([name, value]) => value !== false && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
