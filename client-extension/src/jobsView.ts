// The job view in the side bar: jobs, the newest first, and each one's steps as they happen.

import * as vscode from 'vscode';
import { isActive, isElsewhere, type Job, type Jobs, type Step, secondsOf, secondsOfStep } from './jobs';
import type { PastState, StepState } from './protocol';
import { shortened } from './report/words';
import type { Server } from './server';
import { setContext } from './settings';
import * as words from './words';

export const VIEW = 'codeteam.jobs';
const TICK_MS = 1000;

export type Node = JobNode | StepNode;

/** An entry of the tree; commands of its menu take it for its `jobId`. */
export interface JobNode {
  kind: 'job';
  jobId: string;
}

export interface StepNode {
  kind: 'step';
  jobId: string;
  number: number;
}

export class JobsView implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<Node | undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly nodes = new Map<string, JobNode>();
  private readonly view: vscode.TreeView<Node>;
  private readonly ticking: NodeJS.Timeout;
  private readonly listening: vscode.Disposable;

  constructor(
    private readonly jobs: Jobs,
    private readonly server: Server
  ) {
    this.view = vscode.window.createTreeView(VIEW, { treeDataProvider: this, showCollapseAll: true });
    this.listening = jobs.onDidChange((job) => this.refresh(job));
    // durations go on between two messages of the server
    this.ticking = setInterval(() => {
      if (this.view.visible) for (const job of jobs.active()) this.changed.fire(this.node(job.jobId));
    }, TICK_MS);
    this.refresh(undefined);
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const job = this.jobs.get(node.jobId);
    if (!job) return new vscode.TreeItem('');
    const step = node.kind === 'step' ? job.steps?.[node.number] : undefined;
    return step ? stepItem(job, step) : jobItem(job);
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (!node) return this.jobs.all().map((job) => this.node(job.jobId));
    const job = this.jobs.get(node.jobId);
    if (node.kind === 'step' || !job) return [];
    const steps = job.steps ?? (await this.jobs.readSteps(await this.server.running(), job));
    return steps.filter(Boolean).map(({ jobId, number }) => ({ kind: 'step', jobId, number }));
  }

  dispose(): void {
    clearInterval(this.ticking);
    this.listening.dispose();
    this.view.dispose();
    this.changed.dispose();
  }

  private refresh(job: Job | undefined): void {
    this.changed.fire(job && this.node(job.jobId));
    const active = this.jobs.active().length;
    this.view.badge = active ? { value: active, tooltip: `${active} Codeteam ${active === 1 ? 'job' : 'jobs'} running` } : undefined;
    const all = this.jobs.all();
    setContext('hasActiveJobs', active > 0);
    setContext('hasJobs', all.length > 0);
    setContext(
      'canApply',
      all.some(({ canApply }) => canApply)
    );
    setContext(
      'canRerun',
      all.some(({ canRerun }) => canRerun)
    );
  }

  /** The tree knows its entries by identity. */
  private node(jobId: string): JobNode {
    const known = this.nodes.get(jobId) ?? { kind: 'job', jobId };
    this.nodes.set(jobId, known);
    return known;
  }
}

function jobItem(job: Job): vscode.TreeItem {
  const item = new vscode.TreeItem(
    capital(shortened(job.title, LABEL)),
    job.heard ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed
  );
  const figures = [duration(secondsOf(job)), job.tokens ? words.tokens(job.tokens) : ''];
  const elsewhere = isElsewhere(job);
  const phase = job.state === 'running' && job.iteration ? `iteration ${job.iteration}` : words.state(job.state);
  item.id = job.jobId;
  item.description = [elsewhere ? 'running elsewhere' : phase, ...figures, job.quality ?? ''].filter(Boolean).join(' · ');
  item.iconPath = (elsewhere ? ELSEWHERE : JOB_ICONS[job.state]) ?? new vscode.ThemeIcon('circle-outline');
  item.contextValue = [
    'job',
    isActive(job) ? 'active' : elsewhere ? 'elsewhere' : 'ended',
    job.canApply ? 'canApply' : '',
    job.canRerun ? 'canRerun' : '',
  ]
    .filter(Boolean)
    .join(' ');
  item.tooltip = jobTooltip(job);
  item.accessibilityInformation = { label: `${job.title}, ${item.description}` };
  return item;
}

function stepItem(job: Job, step: Step): vscode.TreeItem {
  const who = step.purpose ? `${capital(step.role)}: ${words.purpose(step.purpose)}` : capital(step.role);
  const item = new vscode.TreeItem(step.iteration ? `${who} · iteration ${step.iteration}` : who);
  const figures = [duration(secondsOfStep(step)), step.tokens ? words.tokens(step.tokens) : ''];
  item.id = `${job.jobId}/${step.number}`;
  item.description = [...figures, step.message].filter(Boolean).join(' · ');
  item.iconPath = STEP_ICONS[step.state] ?? new vscode.ThemeIcon('circle-outline');
  item.contextValue = 'step';
  item.tooltip = step.message;
  item.accessibilityInformation = { label: `${item.label}, ${words.stepState(step.state)}, ${item.description}` };
  item.command = { command: 'codeteam.openReport', title: 'Open Job Report', arguments: [{ jobId: job.jobId }] };
  return item;
}

function jobTooltip(job: Job): string {
  const lines = [`${job.title}: ${words.state(job.state)}`, job.message];
  if (job.stoppedBy) lines.push(`Stopped by: ${job.stoppedBy}`);
  if (job.error) lines.push(job.error.message, job.error.hint);
  if (job.cost) lines.push(`Cost: ${words.cost(job.cost)}`);
  lines.push(`Job ${job.jobId}, ${new Date(job.created * 1000).toLocaleString()}`);
  return lines.filter(Boolean).join('\n');
}

function duration(seconds: number): string {
  return seconds ? words.duration(seconds) : '';
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function icon(name: string, color?: string): vscode.ThemeIcon {
  return new vscode.ThemeIcon(name, color ? new vscode.ThemeColor(color) : undefined);
}

/** Letters of a title in the view: behind it stands how the job is doing; the tooltip has all of it. */
const LABEL = 30;
const ELSEWHERE = icon('link-external');
const JOB_ICONS: Record<PastState, vscode.ThemeIcon> = {
  queued: icon('watch'),
  running: icon('loading~spin'),
  proposed: icon('git-pull-request-create', 'charts.blue'),
  applied: icon('pass-filled', 'testing.iconPassed'),
  kept: icon('archive', 'charts.yellow'),
  done: icon('pass', 'testing.iconPassed'),
  accepted: icon('pass', 'testing.iconPassed'),
  below: icon('warning', 'list.warningForeground'),
  failed: icon('error', 'list.errorForeground'),
  cancelled: icon('circle-slash'),
  interrupted: icon('debug-disconnect'),
};

const STEP_ICONS: Record<StepState, vscode.ThemeIcon> = {
  running: icon('loading~spin'),
  done: icon('pass', 'testing.iconPassed'),
  failed: icon('discard', 'list.warningForeground'),
  cancelled: icon('circle-slash'),
};
