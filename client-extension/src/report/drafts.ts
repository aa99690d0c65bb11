// Every draft: what it changed of the one before, and why it went back.

import type { JobReport, ReportIteration } from '../protocol';
import { difference, diffTable, sizes } from './diff';
import { type Html, html, nothing } from './html';
import { icon } from './icons';
import { bounded, count, gateName, output } from './words';

export function draftsPanel(report: JobReport): Html {
  if (report.iterations.length === 0) return html`<p class="empty">No draft was written.</p>`;
  const original = new Map(report.files.map(({ path, before }) => [path, before]));
  const texts = new Map<string, string>();
  const drafts: Html[] = [];
  for (const iteration of report.iterations) {
    drafts.push(draft(iteration, (path) => texts.get(path) ?? original.get(path) ?? null));
    for (const { path, text } of iteration.files) texts.set(path, text);
  }
  return html`${drafts}${testFiles(report)}`;
}

function draft(iteration: ReportIteration, before: (path: string) => string | null): Html {
  const { number, explanation, files, sentBack, stalled } = iteration;
  const changed = files
    .map((file) => ({ file, change: difference(before(file.path), file.text) }))
    .filter(({ change }) => change.lines.length > 0 || change.tooLarge);
  const same = files.length - changed.length;
  return html`<details class="draft" data-key="draft:${number}" id="draft-${number}">
<summary><b>Draft ${number}</b> ${sentBack ? html`<span class="bad">${icon('back')} sent back by ${gateName(sentBack.gate)}</span>` : html`<span class="good">${icon('check')} kept</span>`} <span class="hint">${count(files.length, 'file')}</span></summary>
${sentBack && html`<h3>Why it went back</h3><pre class="callout bad" tabindex="0" aria-label="Why draft ${number} went back">${output(sentBack.text)}</pre>`}
${stalled && html`<p class="callout">Stuck, ${stalled}: the architect was asked for another way.</p>`}
${explanation && html`<h3>What the developer says</h3><p class="prose">${bounded(explanation, 4000)}</p>`}
${files.length > 0 && html`<h3>${number > 1 ? 'What it changed of the draft before' : 'What it wrote'}</h3>`}
${changed.map(({ file: { path }, change }) => html`<details class="file" data-key="draft:${number}:${path}"${changed.length < 4 && html` open`}><summary><span class="file-name">${path}</span> ${sizes(change)}</summary>${diffTable(change, `${path} in draft ${number}`)}</details>`)}
${same > 0 && html`<p class="hint">${count(same, 'file')} as before.</p>`}
</details>`;
}

function testFiles({ testFiles }: JobReport): Html {
  if (testFiles.length === 0) return nothing;
  return html`<details class="draft" data-key="tests"><summary><b>The tester’s files</b> <span class="hint">${count(testFiles.length, 'file')}, written from the plan without the code</span></summary>
${testFiles.map(({ path, text }) => html`<h3><code>${path}</code></h3><pre tabindex="0" aria-label="${path}">${bounded(text)}</pre>`)}</details>`;
}
