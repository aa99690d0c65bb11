// Every command of the extension. Those that start or change a job have the server's own names: its code actions
// lead here, so that the worker's environment is there and the workspace is trusted before the server is asked.

import * as vscode from 'vscode';
import { type LanguageClient, LSPErrorCodes, ResponseError } from 'vscode-languageclient/node';
import type { Doctor } from './doctor';
import { openExample } from './example';
import { isActive, isGoing, type Job, type Jobs } from './jobs';
import { checkMachine, mend, setUp } from './machine';
import type { Models } from './models';
import * as opening from './opening';
import { Nowhere, openForRerun } from './place';
import { type Intent, type JobReport, jobReport } from './protocol';
import type { Readiness } from './readiness';
import type { ReportPanels } from './reportPanel';
import type { Secrets } from './secrets';
import type { Server } from './server';
import { startJobs, trusted, type Unsent } from './starting';
import * as words from './words';

const INTENTS: Intent[] = ['implement', 'fix', 'refactor', 'document', 'test', 'review'];

export interface CommandParts {
  /** The extension's own folder. */
  storage: vscode.Uri;
  server: Server;
  jobs: Jobs;
  readiness: Readiness;
  doctor: Doctor;
  models: Models;
  secrets: Secrets;
  reports: ReportPanels;
  log: vscode.LogOutputChannel;
}

export function registerCommands(parts: CommandParts): vscode.Disposable {
  const { server, jobs, readiness, doctor, models, secrets, reports, log } = parts;
  const unsent: Unsent = new Map();
  const forJob = (title: string, suits: (job: Job) => boolean, act: (jobId: string) => Promise<unknown>) => async (target: unknown) => {
    const jobId = jobOf(target) ?? (await pickJob(jobs, title, suits));
    return jobId === undefined ? undefined : act(jobId);
  };
  const withReport = (act: (report: JobReport) => Promise<void>) => async (jobId: string) =>
    act(await reportOf(await server.running(), jobId));
  const table: Record<string, (...args: unknown[]) => unknown> = {
    ...Object.fromEntries(
      INTENTS.map((intent) => [intent, (target: unknown, all: unknown) => startJobs(intent, target, all, { server, readiness, unsent })])
    ),
    cancel: forJob('cancel', isActive, (jobId) => server.command('codeteam.cancel', { jobId })),
    apply: forJob(
      'apply',
      (job) => job.canApply,
      (jobId) => server.command('codeteam.apply', { jobId })
    ),
    rerun: forJob(
      'run again',
      (job) => job.canRerun,
      async (jobId) => {
        if (!(await trusted()) || !(await readiness.prepare())) return;
        await openForRerun((await reportOf(await server.running(), jobId)).job);
        await server.command('codeteam.rerun', { jobId });
      }
    ),
    applySuggestion: (argument) => server.command('codeteam.applySuggestion', argument as object),
    dismiss: (argument) => server.command('codeteam.dismiss', argument as object),
    openProposal: forJob('open the proposal of', (job) => !isGoing(job), withReport(opening.openProposal)),
    openPlan: forJob('open the plan of', () => true, withReport(opening.openPlan)),
    openTests: forJob('open the tests of', () => true, withReport(opening.openTests)),
    openRuns: forJob('open the runs of', () => true, withReport(opening.openRuns)),
    openReport: forJob(
      'report on',
      () => true,
      (jobId) => reports.open(jobId)
    ),
    refreshJobs: async () => jobs.read(await server.running()),
    chooseModel: () => models.choose(),
    forgetKeys: () => secrets.forget(),
    setUp: async () => (await trusted()) && setUp(doctor, readiness),
    checkMachine: async () => (await trusted()) && checkMachine(doctor, readiness),
    mend: async () => (await trusted()) && mend(doctor, readiness),
    openExample: () => openExample(parts.storage),
    restart: () => server.restart(),
    showLog: () => log.show(),
  };
  return vscode.Disposable.from(
    ...Object.entries(table).map(([name, act]) =>
      vscode.commands.registerCommand(`codeteam.${name}`, async (...args: unknown[]) => told(() => act(...args), log))
    )
  );
}

/** What a command ran into is said to the user; only what nobody foresaw is an error of the command. */
async function told(act: () => unknown, log: vscode.LogOutputChannel): Promise<unknown> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof vscode.CancellationError) return undefined;
    if (error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled) return undefined;
    const message = error instanceof Error ? error.message : String(error);
    log.warn(message);
    if (error instanceof Nowhere) void vscode.window.showInformationMessage(message);
    else void vscode.window.showWarningMessage(`Codeteam: ${message}`);
    return undefined;
  }
}

/** The job that an entry of the view, or a code action's argument, is about. */
function jobOf(target: unknown): string | undefined {
  const jobId = typeof target === 'object' && target !== null && 'jobId' in target ? target.jobId : undefined;
  return typeof jobId === 'string' ? jobId : undefined;
}

async function pickJob(jobs: Jobs, title: string, suits: (job: Job) => boolean): Promise<string | undefined> {
  const suitable = jobs.all().filter(suits);
  if (suitable.length === 0) {
    void vscode.window.showInformationMessage(`Codeteam: there is no job to ${title}.`);
    return undefined;
  }
  if (suitable.length === 1) return suitable[0]?.jobId;
  const items = suitable.map((job) => ({
    label: job.title,
    description: words.state(job.state),
    detail: new Date(job.created * 1000).toLocaleString(),
    jobId: job.jobId,
  }));
  return (await vscode.window.showQuickPick(items, { title: `Codeteam: ${title} which job?`, matchOnDescription: true }))?.jobId;
}

export async function reportOf(client: LanguageClient, jobId: string): Promise<JobReport> {
  return client.sendRequest(jobReport, { jobId });
}
