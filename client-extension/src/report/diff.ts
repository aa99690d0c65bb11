// A file's change as people read it: numbered lines, each marked by a sign and not by colour alone.

import { structuredPatch } from 'diff';
import { type Html, html, nothing } from './html';
import { count, grouped } from './words';

/** Lines shown of one file; more is no longer read here. */
const MOST_LINES = 2000;
/** Characters of a line; a longer one is data, not code. */
const LONGEST_LINE = 1000;
/** Milliseconds that a comparison may take. */
const PATIENCE = 400;

type Kind = 'same' | 'added' | 'removed' | 'note';

interface Line {
  kind: Kind;
  old: number | null;
  new: number | null;
  text: string;
}

export interface Difference {
  lines: Line[];
  added: number;
  removed: number;
  /** Lines that are not shown. */
  missing: number;
  /** The texts could not be compared in the time there is. */
  tooLarge: boolean;
}

/** What turns one text into the other; `before` null is a new file. */
export function difference(before: string | null, after: string): Difference {
  const [left, right] = sameEnds(before ?? '', after);
  const patch = structuredPatch('', '', left, right, undefined, undefined, { context: 3, timeout: PATIENCE });
  if (!patch) return { lines: [], added: 0, removed: 0, missing: 0, tooLarge: true };
  const found: Difference = { lines: [], added: 0, removed: 0, missing: 0, tooLarge: false };
  let shownUpTo = 1;
  for (const hunk of patch.hunks) {
    const skipped = hunk.oldStart - shownUpTo;
    if (skipped > 0 && hunk.oldLines > 0) take(found, { kind: 'note', old: null, new: null, text: count(skipped, 'unchanged line') });
    hunkLines(found, hunk);
    shownUpTo = hunk.oldStart + hunk.oldLines;
  }
  return found;
}

function hunkLines(found: Difference, hunk: { oldStart: number; newStart: number; lines: string[] }): void {
  let { oldStart: old, newStart: fresh } = hunk;
  for (const line of hunk.lines) {
    const text = line.slice(1);
    if (line.startsWith('+')) {
      found.added += 1;
      take(found, { kind: 'added', old: null, new: fresh++, text });
    } else if (line.startsWith('-')) {
      found.removed += 1;
      take(found, { kind: 'removed', old: old++, new: null, text });
    } else if (line.startsWith('\\')) {
      take(found, { kind: 'note', old: null, new: null, text: 'No line end at the end of the file' });
    } else {
      take(found, { kind: 'same', old: old++, new: fresh++, text });
    }
  }
}

function take(found: Difference, line: Line): void {
  if (found.lines.length < MOST_LINES) found.lines.push(line);
  else found.missing += 1;
}

/** Carriage returns are shown, but not where every line of both texts ends with one. */
function sameEnds(before: string, after: string): [string, string] {
  const whole = (text: string) => text === '' || !/(^|[^\r])\n/.test(text);
  return whole(before) && whole(after) ? [before.replaceAll('\r\n', '\n'), after.replaceAll('\r\n', '\n')] : [before, after];
}

const SIGNS: Record<Kind, string> = { same: ' ', added: '+', removed: '−', note: '' };
const NAMES: Record<Kind, string> = { same: '', added: 'added', removed: 'removed', note: '' };

/** The change as a table; `path` names it for those who do not see it. */
export function diffTable(change: Difference, path: string): Html {
  if (change.tooLarge) return html`<p class="hint">The texts are too different to be compared here.</p>`;
  if (change.lines.length === 0) return html`<p class="hint">No line differs.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Changes of ${path}"><table class="diff"><caption class="unseen">Changes of ${path}</caption>
<thead class="unseen"><tr><th scope="col">Old line</th><th scope="col">New line</th><th scope="col">Change</th><th scope="col">Text</th></tr></thead><tbody>
${change.lines.map(row)}</tbody></table></div>
${change.missing ? html`<p class="hint">${grouped(change.missing)} more lines are not shown here.</p>` : nothing}`;
}

function row({ kind, old, new: fresh, text }: Line): Html {
  if (kind === 'note') return html`<tr class="note"><td colspan="3"></td><td>${text}</td></tr>\n`;
  const shown =
    text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}… ${grouped(text.length - LONGEST_LINE)} more characters` : text;
  return html`<tr class="${kind}"><td class="line">${old ?? ''}</td><td class="line">${fresh ?? ''}</td><td class="sign">${SIGNS[kind]}${NAMES[kind] && html`<span class="unseen">${NAMES[kind]}</span>`}</td><td class="code">${shown}</td></tr>\n`;
}

/** How much was added and removed, with signs. */
export function sizes({ added, removed, tooLarge }: Difference): Html {
  if (tooLarge) return nothing;
  return html`<span class="sizes"><span class="plus" title="${count(added, 'line')} added">+${grouped(added)}</span> <span class="minus" title="${count(removed, 'line')} removed">−${grouped(removed)}</span></span>`;
}
