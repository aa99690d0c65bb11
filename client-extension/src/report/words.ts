// Figures and texts as a person reads them.

import type { JobReport, Quality } from '../protocol';

/** Characters of one block of text at most; the server bounds them too, and is not relied on. */
const LONGEST = 20_000;

export function count(number: number, one: string, many = `${one}s`): string {
  return `${grouped(number)} ${number === 1 ? one : many}`;
}

export function grouped(number: number): string {
  return number.toLocaleString('en-US');
}

export function money(cost: number | null): string {
  if (cost === null) return 'price unknown';
  return cost === 0 ? 'no cost' : cost < 0.01 ? 'under $0.01' : `$${cost.toFixed(2)}`;
}

export function moment(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}

/** The first line that says something, shortened. */
export function firstLine(text: string, most = 160): string {
  const line = text.split('\n').find((part) => part.trim()) ?? '';
  return shortened(line.trim(), most);
}

export function shortened(text: string, most: number): string {
  const letters = Array.from(text.slice(0, most * 2));
  return letters.length > most || text.length > most * 2 ? `${letters.slice(0, most - 1).join('')}…` : text;
}

/** The line that tells most: of a traceback or a failing test the error itself, else the first. */
export function cause(text: string, most = 170): string {
  const lines = text.split('\n').map((line) => line.trim());
  const error =
    lines.findLast((line) => /^(E {2,})?[A-Z]\w*(Error|Exception|Warning)\b/.test(line)) ?? lines.find((line) => /^E {2,}\S/.test(line));
  return firstLine((error ?? text).replace(/^E\s+/, '').replace(/^- /, ''), most);
}

/** A long text without its middle, which says how much is missing. */
export function bounded(text: string, most = LONGEST): string {
  if (text.length <= most) return text;
  const head = Math.floor(most / 3);
  return `${text.slice(0, head)}\n… ${grouped(text.length - most)} characters are left out …\n${text.slice(text.length - most + head)}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
const COLOURS = /\u001b\[[0-9;:]*m/g;

/** What a program wrote, without colours. */
export function output(text: string): string {
  return bounded(text.replace(COLOURS, '').replaceAll('\r\n', '\n').trimEnd());
}

export const QUALITIES: readonly { name: Quality; meaning: string }[] = [
  { name: 'draft', meaning: 'it runs in the sandbox' },
  { name: 'reviewed', meaning: 'the static checks are clean, the reviewer approves' },
  { name: 'tested', meaning: 'examples and tests pass' },
  { name: 'production', meaning: 'every gate is green' },
];

const GATES: Record<string, string> = {
  scope: 'Scope',
  run: 'Run',
  examples: 'Examples',
  static: 'Static checks',
  review: 'Review',
  docs: 'Docstrings',
  tests: 'Tests',
  iterations: 'Limit of drafts',
  progress: 'No progress',
  budget: 'Budget',
  model: 'Model',
  sandbox: 'Sandbox',
};

export function gateName(gate: string): string {
  return GATES[gate] ?? gate;
}

/** Whether the job may still change. */
export function isGoing(report: JobReport): boolean {
  return report.job.state === 'queued' || report.job.state === 'running';
}
