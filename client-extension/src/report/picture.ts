// The path of a job as a picture. Places are attributes, colours classes: the page allows no inline style.

import type { JobReport, ReportStep } from '../protocol';
import { duration, stepState, tokens } from '../words';
import { type Html, html, nothing } from './html';
import { type IconName, iconPath } from './icons';
import { ORDER, type Row, rowsOf, type Station, type StationName } from './path';
import { verdictOf } from './verdict';
import { cause, count, firstLine, gateName, shortened } from './words';

const BOX = { width: 132, height: 46, gap: 20 };
const LEFT = 84;
const TOP = 10;
/** Between two rows, where the way back and its reason are. */
const GAP = 46;
const PITCH = BOX.height + GAP;
/** Width of a letter of a reason, on the safe side. */
const LETTER = 6.6;
/** The end has room for its words. */
const END = { height: 34, padding: 26, letter: 7.7 };
const STATES: Record<ReportStep['state'], { icon: IconName; words: string }> = {
  running: { icon: 'dots', words: 'at work' },
  done: { icon: 'check', words: 'done' },
  failed: { icon: 'cross', words: 'failed' },
  cancelled: { icon: 'stop', words: 'cancelled' },
};

interface Placed {
  row: Row;
  y: number;
  stations: { station: Station; x: number }[];
}

/** The picture with its equivalent in words; nothing where no step was taken. */
export function pathSection(report: JobReport): Html {
  const rows = rowsOf(report);
  if (rows.length === 0) return nothing;
  return html`<section class="path" aria-labelledby="path-title">
<h2 id="path-title">The path of this job</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Picture of the path, can be scrolled sideways">${picture(report, rows)}</div>
<details data-key="path-table"><summary>The path as a table</summary>${table(report)}</details>
</section>`;
}

function picture(report: JobReport, rows: Row[]): Html {
  const columns = columnsOf(rows);
  const placed = rows.map((row, index) => placedRow(row, TOP + index * PITCH, columns));
  const right = LEFT + Math.max(columns.length, 6) * (BOX.width + BOX.gap);
  const bottom = TOP + rows.length * PITCH;
  const verdict = verdictOf(report);
  const height = bottom + END.height + 8;
  return html`<svg class="picture" viewBox="0 0 ${right} ${height}" width="${right}" height="${height}" role="img" aria-labelledby="picture-title picture-words">
<title id="picture-title">The path of this job</title>
<desc id="picture-words">${inWords(rows)} ${verdict.title}.</desc>
<defs>${['on', 'back', 'end'].map((kind) => html`<marker id="head-${kind}" class="head ${kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker>`)}</defs>
${testersWay(placed)}
${placed.map((row, index) => drawnRow(row, placed[index + 1], right))}
${end(placed.at(-1), bottom, right, verdict.title, verdict.tone)}
</svg>`;
}

/** The columns that drafts need, in the order of the gates; a plan's stations stand in the first ones. */
function columnsOf(rows: Row[]): StationName[] {
  const used = new Set(rows.filter(({ kind }) => kind === 'draft').flatMap(({ stations }) => stations.map(({ name }) => name)));
  return ORDER.filter((name) => used.has(name));
}

function placedRow(row: Row, y: number, columns: StationName[]): Placed {
  const stations = row.stations.map((station, index) => {
    const column = row.kind === 'plan' ? index : columns.indexOf(station.name);
    return { station, x: LEFT + column * (BOX.width + BOX.gap) };
  });
  return { row, y, stations: stations.sort((a, b) => a.x - b.x) };
}

function drawnRow(placed: Placed, next: Placed | undefined, right: number): Html {
  const { row, y, stations } = placed;
  const middle = y + BOX.height / 2;
  const way = stations.at(-1)?.station.name === 'tester' ? stations.slice(0, -1) : stations; // the draft did not come to the tests
  const links = way.slice(1).map(({ x }, index) => {
    const from = (way[index]?.x ?? 0) + BOX.width;
    return html`<path class="way on" d="M${from} ${middle}H${x - 2}" marker-end="url(#head-on)"/>`;
  });
  return html`<g class="row ${row.kind}">
<text class="row-name" x="0" y="${middle + 4}">${row.kind === 'plan' ? 'Plan' : 'Draft'} ${row.number}</text>
${links}
${stations.map(({ station, x }) => box(station, x, y))}
${next ? onwards(placed, next, right) : nothing}
</g>`;
}

function box(station: Station, x: number, y: number): Html {
  const { icon, words } = STATES[station.state];
  const figures = [station.seconds >= 0.05 && duration(station.seconds), station.tokens > 0 && tokens(station.tokens)]
    .filter(Boolean)
    .join(' · ');
  const times = station.steps.length > 1 ? ` ×${station.steps.length}` : '';
  const told = station.steps.map((step) => firstLine(step.message)).join('; ');
  return html`<g class="station ${station.state}">
<title>${station.label}: ${words}. ${told}</title>
<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>
<svg x="${x + 9}" y="${y + 8}" width="14" height="14" viewBox="0 0 16 16">${iconPath(icon)}</svg>
<text class="station-name" x="${x + 29}" y="${y + 20}">${station.label}${times}</text>
<text class="figures" x="${x + 10}" y="${y + 36}">${figures || words}</text>
</g>`;
}

/** From a row to the next: straight down from a plan, back with its reason from a draft. */
function onwards(from: Placed, to: Placed, right: number): Html {
  const start = to.stations[0];
  if (!start) return nothing;
  const x = start.x + BOX.width / 2;
  if (from.row.kind === 'plan') {
    const last = from.stations.at(-1);
    const middle = from.y + BOX.height + GAP / 2;
    const out = (last?.x ?? start.x) + BOX.width / 2;
    const level = out === x ? '' : `V${middle - 5}q0 5 -5 5H${x + 5}q-5 0 -5 5`;
    return html`<path class="way on" d="M${out} ${from.y + BOX.height}${level}V${to.y - 2}" marker-end="url(#head-on)"/>`;
  }
  const failed = lastOf(from);
  if (!failed) return nothing;
  const out = failed.x + BOX.width / 2;
  const level = from.y + BOX.height + GAP / 2 + 4;
  const turn = out > x + 10 ? `V${level - 5}q0 5 -5 5H${x + 5}q-5 0 -5 5` : '';
  // the reason stands where there is more room: over the way back, or right of where it begins
  const [at, room] = out - x > right - out ? [x + 10, out - x] : [out + 10, right - out];
  return html`<path class="way back" d="M${out} ${from.y + BOX.height}${turn}V${to.y - 2}" marker-end="url(#head-back)"/>
<text class="reason" x="${at}" y="${level - 6}">${shortened(reason(from.row), Math.floor((room - 20) / LETTER))}</text>`;
}

/** Where a row's way ends: the gate that failed, else the last station, but not the tester, who works beside it. */
function lastOf({ stations }: Placed): Placed['stations'][number] | undefined {
  const drafts = stations.filter(({ station }) => station.name !== 'tester');
  return stations.findLast(({ station }) => station.state === 'failed') ?? drafts.at(-1) ?? stations.at(-1);
}

function reason({ sentBack, stalled }: Row): string {
  const gate = sentBack ? `${gateName(sentBack.gate)}: ${cause(sentBack.said)}` : '';
  return stalled ? `Stuck, ${stalled}` : gate;
}

/** The tester's own way from the plan: beside the drafts, and never past the code. */
function testersWay(placed: Placed[]): Html {
  const plan = placed[0];
  const first = placed.find(({ stations }) => stations.some(({ station }) => station.name === 'tester'));
  const tester = first?.stations.find(({ station }) => station.name === 'tester');
  const last = plan?.stations.at(-1);
  if (plan?.row.kind !== 'plan' || !first || !tester || !last || last.x + BOX.width >= tester.x) return nothing;
  const y = plan.y + BOX.height / 2;
  const x = tester.x + BOX.width / 2;
  return html`<g class="aside"><path class="way aside" d="M${last.x + BOX.width} ${y}H${x - 8}q8 0 8 8V${first.y - 2}" marker-end="url(#head-on)"/>
<text class="reason" x="${last.x + BOX.width + 12}" y="${y - 7}">at the same time, from the plan alone: tests by someone who never sees the code</text></g>`;
}

function end(last: Placed | undefined, bottom: number, right: number, title: string, tone: string): Html {
  const station = last && lastOf(last);
  if (!last || !station) return nothing;
  const from = station.x + BOX.width / 2;
  const y = bottom - 12;
  const words = shortened(title, 60);
  const width = 2 * END.padding + words.length * END.letter;
  const x = Math.max(LEFT, Math.min(from - width / 2, right - width - 2));
  return html`<g class="end ${tone}">
<path class="way end" d="M${from} ${last.y + BOX.height}V${y - 2}" marker-end="url(#head-end)"/>
<rect x="${x}" y="${y}" width="${width}" height="${END.height}" rx="17"/>
<text x="${x + width / 2}" y="${y + 22}" text-anchor="middle">${words}</text>
</g>`;
}

function inWords(rows: Row[]): string {
  return rows
    .map((row) => {
      const way = row.stations.map(({ label, state }) => (state === 'done' ? label : `${label} (${STATES[state].words})`)).join(', ');
      const back = reason(row);
      return `${row.kind === 'plan' ? 'Plan' : 'Draft'} ${row.number}: ${way}${back ? `; sent back by ${firstLine(back, 100)}` : ''}.`;
    })
    .join(' ');
}

function table(report: JobReport): Html {
  const body = report.steps.map(
    (step) =>
      html`<tr><td class="number">${step.number + 1}</td><td>${step.iteration || '–'}</td><td>${step.role}</td><td>${step.message}</td><td>${stepState(step.state)}</td><td class="number">${step.state === 'running' ? '' : duration(step.seconds)}</td><td class="number">${step.tokens || ''}</td></tr>`
  );
  return html`<table><caption>${count(report.steps.length, 'step')}</caption>
<thead><tr><th scope="col" class="number">Step</th><th scope="col">Draft</th><th scope="col">Role</th><th scope="col">What it did</th><th scope="col">Outcome</th><th scope="col" class="number">Time</th><th scope="col" class="number">Tokens</th></tr></thead>
<tbody>${body}</tbody></table>`;
}
