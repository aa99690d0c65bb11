// The path of a job as rows and stations: a row for each plan and each draft, a station for what was done to it.

import type { JobReport, ReportStep } from '../protocol';

export type StationName =
  | 'architect'
  | 'sandbox'
  | 'developer'
  | 'run'
  | 'examples'
  | 'static'
  | 'reviewer'
  | 'tester'
  | 'stub'
  | 'tests'
  | 'other';

/** One place on the way of a row; several turns there count as one. */
export interface Station {
  name: StationName;
  label: string;
  steps: ReportStep[];
  state: ReportStep['state'];
  seconds: number;
  tokens: number;
}

export interface Row {
  kind: 'plan' | 'draft';
  /** Of the plan or the draft, from 1. */
  number: number;
  stations: Station[];
  /** What ended the row: the gate that sent the draft back, with the first line of what it said. */
  sentBack: { gate: string; said: string } | null;
  /** Why the architect was asked for another way after it; empty otherwise. */
  stalled: string;
}

const LABELS: Record<StationName, string> = {
  architect: 'Architect',
  sandbox: 'Sandbox',
  developer: 'Developer',
  run: 'Run',
  examples: 'Examples',
  static: 'Static checks',
  reviewer: 'Reviewer',
  tester: 'Tester',
  stub: 'Can tests fail?',
  tests: 'Tests',
  other: 'Executor',
};
export const ORDER = Object.keys(LABELS) as StationName[];

export function rowsOf(report: JobReport): Row[] {
  const rows: Row[] = [];
  for (const step of report.steps) place(rows, step);
  for (const row of rows) {
    const iteration = row.kind === 'draft' ? report.iterations.find(({ number }) => number === row.number) : undefined;
    row.sentBack = iteration?.sentBack ? { gate: iteration.sentBack.gate, said: iteration.sentBack.text } : null;
    row.stalled = iteration?.stalled ?? '';
  }
  return rows;
}

function place(rows: Row[], step: ReportStep): void {
  const row = rowFor(rows, step);
  const name = stationName(step, row);
  const known = row.stations.find((station) => station.name === name);
  if (known) {
    known.steps.push(step);
    known.state = step.state;
    known.seconds += step.seconds;
    known.tokens += step.tokens;
  } else {
    const { state, seconds, tokens } = step;
    row.stations.push({ name, label: LABELS[name], steps: [step], state, seconds, tokens });
  }
}

/** What happens before a draft belongs to its plan; what is tried meanwhile on the old code, to the draft under way. */
function rowFor(rows: Row[], step: ReportStep): Row {
  const last = rows.at(-1);
  if (step.iteration === 0) {
    const plans = rows.filter(({ kind }) => kind === 'plan').length;
    const begins = step.role === 'architect' && last?.kind === 'draft';
    return last && !begins ? last : add(rows, 'plan', plans + 1);
  }
  return last?.kind === 'draft' && last.number === step.iteration ? last : add(rows, 'draft', step.iteration);
}

function add(rows: Row[], kind: Row['kind'], number: number): Row {
  const row: Row = { kind, number, stations: [], sentBack: null, stalled: '' };
  rows.push(row);
  return row;
}

function stationName(step: ReportStep, row: Row): StationName {
  if (step.role !== 'executor') return ORDER.includes(step.role as StationName) ? (step.role as StationName) : 'other';
  if (step.purpose) return ORDER.includes(step.purpose as StationName) ? (step.purpose as StationName) : 'other';
  return row.kind === 'plan' ? 'sandbox' : 'other';
}
