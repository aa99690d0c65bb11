// What the proposal changes, file by file.

import type { JobReport, ReportFile } from '../protocol';
import { type Difference, difference, diffTable, sizes } from './diff';
import { type Html, html } from './html';
import { isGoing } from './words';

/** Files that are unfolded from the start; of a large proposal the rest waits. */
const OPEN = 8;

export interface Compared {
  file: ReportFile;
  change: Difference;
}

export function compared(report: JobReport): Compared[] {
  return report.files.map((file) => ({ file, change: difference(file.before, file.after) }));
}

export function changesPanel(report: JobReport, files: readonly Compared[]): Html {
  if (files.length === 0) return html`<p class="empty">${whyNone(report)}</p>`;
  return html`${files.length > 1 && html`<div class="tools"><button type="button" class="plain" data-fold="changes" data-open="true">Unfold all</button> <button type="button" class="plain" data-fold="changes" data-open="false">Fold all</button></div>`}
<div id="changes">${files.map(fileChange)}</div>`;
}

function fileChange({ file, change }: Compared, index: number): Html {
  const { path, isNew } = file;
  return html`<details class="file" data-key="file:${path}"${index < OPEN && html` open`}>
<summary><span class="file-name">${path}</span>${isNew && html` <span class="badge">new</span>`} ${sizes(change)}</summary>
<div class="tools">${!isNew && html`<button type="button" class="plain" data-command="openFile" data-path="${path}" data-line="1" aria-label="Open file: ${path}">Open file</button> `}<button type="button" class="plain" data-command="openDiff" data-path="${path}" aria-label="Compare in the editor: ${path}">Compare in the editor</button></div>
${diffTable(change, path)}
</details>`;
}

function whyNone(report: JobReport): string {
  if (report.job.intent === 'review') return 'A review changes nothing.';
  if (isGoing(report)) return 'There is no proposal yet. The drafts so far are under Drafts.';
  return report.iterations.length
    ? 'There is no proposal. What was written is under Drafts.'
    : 'There is no proposal, and no draft was written.';
}
