// The jobs of this window and of its history, as the views show them.

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import * as protocol from './protocol';

const REMEMBERED = 50;
const ACTIVE = new Set<protocol.PastState>(['queued', 'running']);

export interface Job extends protocol.PastJob {
  step: string;
  iteration: number;
  message: string;
  stoppedBy: string;
  cost: number | null;
  error: protocol.Trouble | null;
  /** Null until they were asked for, of a job that is over. */
  steps: Step[] | null;
  /** `Date.now()` when the server last spoke of it. */
  heard: number;
}

export interface Step extends protocol.ReportStep {
  jobId: string;
  /** `Date.now()` when it began; 0 when that was before this window. */
  began: number;
}

export class Jobs implements vscode.Disposable {
  private readonly jobs = new Map<string, Job>();
  private readonly changed = new vscode.EventEmitter<Job | undefined>();
  /** Fires the job that changed, or nothing when the list did. */
  readonly onDidChange = this.changed.event;

  /** The newest first. */
  all(): Job[] {
    return [...this.jobs.values()].sort((a, b) => b.created - a.created);
  }

  get(jobId: string): Job | undefined {
    return this.jobs.get(jobId);
  }

  active(): Job[] {
    return this.all().filter(isActive);
  }

  /** Whether a job of the history runs somewhere else, so that nobody tells of its end. */
  hasElsewhere(): boolean {
    return [...this.jobs.values()].some(isElsewhere);
  }

  /** `codeteam/job` */
  tell(params: protocol.JobParams): void {
    const known = this.jobs.get(params.jobId);
    const now = Date.now();
    const job: Job = {
      created: now / 1000 - params.seconds,
      workspace: '',
      steps: [],
      ...known,
      ...params,
      canRerun: !ACTIVE.has(params.state) && params.uri !== '', // its document is opened again where it is closed
      heard: now,
    };
    this.jobs.set(job.jobId, job);
    this.changed.fire(known ? job : undefined);
  }

  /** `codeteam/step` */
  tellStep(params: protocol.StepParams): void {
    const job = this.jobs.get(params.jobId);
    if (!job) return;
    job.steps ??= [];
    const steps = job.steps;
    const began = params.state === 'running' ? Date.now() : (steps[params.number]?.began ?? 0);
    steps[params.number] = { ...params, began };
    this.changed.fire(job);
  }

  /** Reads the history of the window's folders; what is known of this session's jobs is newer and stays. */
  async read(client: LanguageClient): Promise<void> {
    const workspaces = vscode.workspace.workspaceFolders?.map((folder) => folder.uri.fsPath);
    const answer = await client.sendRequest(protocol.jobs, { limit: REMEMBERED, ...(workspaces?.length && { workspaces }) });
    const isGone = (job: Job) => !job.heard && job.workspace && workspaces?.length && !workspaces.includes(job.workspace);
    for (const job of this.all()) if (isGone(job)) this.jobs.delete(job.jobId); // of a folder that was removed
    for (const past of answer.jobs) {
      const known = this.jobs.get(past.jobId);
      if (known?.heard) continue;
      this.jobs.set(past.jobId, {
        step: '',
        iteration: 0,
        message: '',
        stoppedBy: '',
        cost: null,
        error: null,
        ...known,
        ...past,
        steps: past.state === 'running' ? null : (known?.steps ?? null), // there are more by now
        heard: 0,
      });
    }
    this.changed.fire(undefined);
  }

  /** Reads the steps of a job of the history. */
  async readSteps(client: LanguageClient, job: Job): Promise<Step[]> {
    const report = await client.sendRequest(protocol.jobReport, { jobId: job.jobId });
    job.steps = report.steps.map((step) => ({ ...step, jobId: job.jobId, began: 0 }));
    job.error = report.error;
    job.stoppedBy = report.stoppedBy;
    return job.steps;
  }

  /** The server is gone, and with it what it ran, which is returned; what the next one reads of these jobs in the history is newer. */
  lost(): Job[] {
    const lost = this.active();
    for (const job of this.jobs.values()) {
      if (isActive(job)) {
        job.state = 'interrupted';
        for (const step of job.steps ?? []) if (step?.state === 'running') step.state = 'cancelled';
      }
      if (job.state === 'interrupted' || job.state === 'proposed') job.heard = 0;
    }
    this.changed.fire(undefined);
    return lost;
  }

  dispose(): void {
    this.changed.dispose();
  }
}

/** Whether this window's server runs it, or is about to. */
export function isActive(job: Pick<Job, 'state' | 'heard'>): boolean {
  return isGoing(job) && job.heard > 0;
}

/** Whether another window, or the command line, runs it. */
export function isElsewhere(job: Pick<Job, 'state' | 'heard'>): boolean {
  return isGoing(job) && !job.heard;
}

/** Whether it is not over, wherever it runs. */
export function isGoing(job: Pick<Job, 'state'>): boolean {
  return ACTIVE.has(job.state);
}

/** Seconds that a job has taken until now. */
export function secondsOf(job: Job): number {
  return job.state === 'running' && job.heard ? job.seconds + (Date.now() - job.heard) / 1000 : job.seconds;
}

/** Seconds that a step has taken until now. */
export function secondsOfStep(step: Step): number {
  return step.state === 'running' && step.began ? (Date.now() - step.began) / 1000 : step.seconds;
}
