// What a job left behind, opened as documents: its proposal, plan, tests and runs.

import * as vscode from 'vscode';
import { type Change, showChanges } from './changes';
import { documents } from './documents';
import { uriOf } from './place';
import type { JobReport, ReportRun, ReportText } from './protocol';
import * as words from './words';

/** The proposal's files beside what they change. */
export async function openProposal({ job, files }: JobReport): Promise<void> {
  if (files.length === 0) {
    void vscode.window.showInformationMessage('This job proposes no change.');
    return;
  }
  const changes: Change[] = files.map(({ path, before, after }) => ({
    uri: uriOf(job, path) ?? vscode.Uri.from({ scheme: 'untitled', path: `/${path}` }),
    before,
    after,
  }));
  await showChanges(`Codeteam: ${job.title}`, changes);
}

export async function openPlan({ job, plan }: JobReport): Promise<void> {
  if (!plan) {
    void vscode.window.showInformationMessage('This job has no plan yet.');
    return;
  }
  const lines = [
    `# Plan: ${job.title}`,
    '',
    plan.approach,
    '',
    '## Files',
    '',
    ...plan.files.flatMap((file) => [
      `- \`${file.path}\`: ${file.purpose}`,
      ...(file.interface ? ['', fenced(file.interface, file.path), ''] : []),
    ]),
    ...section('Packages', plan.dependencies),
    ...section('It is right when', plan.criteria),
  ];
  await open(`${job.jobId}/plan.md`, lines);
}

export async function openTests({ job, tests, testFiles }: JobReport): Promise<void> {
  if (!tests && testFiles.length === 0) {
    void vscode.window.showInformationMessage('This job has no tests yet.');
    return;
  }
  const lines = [`# Tests: ${job.title}`, ''];
  if (tests) {
    const { passed, failed, errors, skipped, coverage, problem, cases } = tests;
    lines.push(
      `${passed} passed, ${failed} failed, ${errors} errors, ${skipped} skipped${coverage === null ? '' : `, ${Math.round(coverage)} % of the lines covered`}.`,
      ''
    );
    if (problem) lines.push(problem, '');
    lines.push(...cases.map(({ name, outcome, message }) => `- ${outcome}: \`${name}\`${message ? `\n\n${fenced(message)}\n` : ''}`), '');
  }
  lines.push(...testFiles.flatMap(({ path, text }: ReportText) => [`## ${path}`, '', fenced(text, path), '']));
  await open(`${job.jobId}/tests.md`, lines);
}

export async function openRuns({ job, runs }: JobReport): Promise<void> {
  if (runs.length === 0) {
    void vscode.window.showInformationMessage('Nothing was run in this job yet.');
    return;
  }
  await open(`${job.jobId}/runs.md`, [`# Runs: ${job.title}`, '', ...runs.flatMap(runLines)]);
}

function runLines(run: ReportRun): string[] {
  const title = `## ${run.iteration ? `Iteration ${run.iteration}` : 'The code as it was'}: ${words.purpose(run.purpose || 'run')}`;
  return [
    title,
    '',
    fenced(run.argv.join(' ')),
    '',
    `${words.outcome(run).words}, ${words.duration(run.seconds)}`,
    '',
    ...(run.output ? [fenced(run.output), ''] : []),
  ];
}

function section(title: string, items: readonly string[]): string[] {
  return items.length ? ['', `## ${title}`, '', ...items.map((item) => `- ${item}`)] : [];
}

/** A fence longer than any in the text: nothing a program or a model wrote leaves it. */
function fenced(text: string, path = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${path.endsWith('.py') ? 'python' : ''}\n${text.replace(/\n$/, '')}\n${fence}`;
}

async function open(path: string, lines: readonly string[]): Promise<void> {
  const uri = documents.set(path, `${lines.join('\n').replace(/\n{3,}/g, '\n\n')}\n`);
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
}
