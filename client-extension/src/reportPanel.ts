// The job report: a web view that shows one job's path, its diff, evidence and findings, and follows it while it runs.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { isGoing, type Jobs } from './jobs';
import { Nowhere, uriOf } from './place';
import type { JobReport } from './protocol';
import { renderReport } from './report/render';

/** Milliseconds between two looks at a running job. */
const PAUSE_MS = 500;

type Message =
  | { command: 'openFile'; path: string; line: number }
  | { command: 'apply' }
  | { command: 'rerun' }
  | { command: 'openDiff'; path: string };

export interface ReportActions {
  fetch: (jobId: string) => Promise<JobReport>;
  /** The same of a server that runs already; rejects where none does. */
  refetch: (jobId: string) => Promise<JobReport>;
  apply: (jobId: string) => Promise<void>;
  rerun: (jobId: string) => Promise<void>;
  openDiff: (report: JobReport, path: string) => Promise<void>;
}

export class ReportPanels implements vscode.Disposable {
  private readonly panels = new Map<string, ReportPanel>();

  constructor(
    private readonly extension: vscode.Uri,
    private readonly jobs: Jobs,
    private readonly actions: ReportActions
  ) {}

  /** Opens a job's report, or brings the open one to the front. */
  async open(jobId: string): Promise<void> {
    const known = this.panels.get(jobId);
    if (known) {
      known.reveal();
      return;
    }
    const report = await this.actions.fetch(jobId);
    const panel = new ReportPanel(this.extension, report, this.jobs, this.actions);
    this.panels.set(jobId, panel);
    panel.onDidDispose(() => this.panels.delete(jobId));
  }

  dispose(): void {
    for (const panel of [...this.panels.values()]) panel.dispose();
  }
}

class ReportPanel implements vscode.Disposable {
  private readonly panel: vscode.WebviewPanel;
  private readonly listening: vscode.Disposable;
  private pending: NodeJS.Timeout | undefined;
  /** The server went away in mid-job, and what the next one says of it has not come yet. */
  private cutOff = false;
  readonly onDidDispose: vscode.Event<void>;

  constructor(
    private readonly extension: vscode.Uri,
    private report: JobReport,
    jobs: Jobs,
    private readonly actions: ReportActions
  ) {
    const { jobId, title } = report.job;
    this.panel = vscode.window.createWebviewPanel('codeteam.report', `Report: ${title}`, vscode.ViewColumn.Active, {
      enableScripts: true,
      enableFindWidget: true,
      localResourceRoots: [
        vscode.Uri.joinPath(extension, 'client-extension', 'media'),
        vscode.Uri.joinPath(extension, 'client-extension', 'dist'),
      ],
    });
    this.panel.iconPath = vscode.Uri.joinPath(extension, 'client-extension', 'media', 'icon.png');
    this.onDidDispose = this.panel.onDidDispose;
    this.listening = vscode.Disposable.from(
      // of a list that changed it is enough to know that a server came or went
      jobs.onDidChange((job) => (job ? job.jobId === jobId : this.cutOff || isGoing(this.report.job)) && this.later()),
      this.panel.webview.onDidReceiveMessage((message: Message) => void this.take(message))
    );
    this.panel.onDidDispose(() => {
      clearTimeout(this.pending);
      this.listening.dispose();
    });
    this.show();
  }

  reveal(): void {
    this.panel.reveal();
  }

  dispose(): void {
    this.panel.dispose();
  }

  /** Once for all the changes of a moment. */
  private later(): void {
    this.pending ??= setTimeout(() => void this.refresh(), PAUSE_MS);
  }

  private async refresh(): Promise<void> {
    this.pending = undefined;
    try {
      this.report = await this.actions.refetch(this.report.job.jobId);
      this.cutOff = false;
    } catch {
      if (!isGoing(this.report.job)) return; // what was known of the job stays, and the status item says what is wrong
      this.report = cutOff(this.report);
      this.cutOff = true;
    }
    this.show();
  }

  private show(): void {
    const { webview } = this.panel;
    const uri = (...path: string[]) => webview.asWebviewUri(vscode.Uri.joinPath(this.extension, 'client-extension', ...path)).toString();
    webview.html = renderReport(this.report, {
      nonce: randomBytes(16).toString('base64url'),
      cspSource: webview.cspSource,
      styleUri: uri('media', 'report.css'),
      scriptUri: uri('dist', 'report.js'),
    });
  }

  private async take(message: Message): Promise<void> {
    const { jobId } = this.report.job;
    try {
      if (message.command === 'apply') await this.actions.apply(jobId);
      else if (message.command === 'rerun') await this.actions.rerun(jobId);
      else if (message.command === 'openDiff') await this.actions.openDiff(this.report, message.path);
      else if (message.command === 'openFile') await this.openFile(message.path, message.line);
    } catch (error) {
      void vscode.window.showWarningMessage(error instanceof Error ? error.message : String(error));
    }
  }

  /** Only what the report names: what a web view says is not believed further. */
  private async openFile(path: string, line: number): Promise<void> {
    const { job, files, findings } = this.report;
    if (![...files, ...findings].some((named) => named.path === path)) return;
    const uri = uriOf(job, path);
    if (!uri) throw new Nowhere(`It is not known where ${path} is: the job had neither a folder nor a document.`);
    const document = await vscode.workspace.openTextDocument(uri);
    const place = document.validateRange(new vscode.Range(Math.max(0, line - 1), 0, Math.max(0, line - 1), 0));
    await vscode.window.showTextDocument(document, { selection: place, viewColumn: vscode.ViewColumn.Beside });
  }
}

/** What can be said of a job whose server went away while it ran. */
function cutOff(report: JobReport): JobReport {
  return {
    ...report,
    job: { ...report.job, state: 'interrupted', canApply: false, canRerun: false },
    steps: report.steps.map((step) => (step.state === 'running' ? { ...step, state: 'cancelled' } : step)),
    error: {
      kind: 'interrupted',
      message: 'The language server has ended, and the job with it.',
      hint: 'What it did until then is here; “Codeteam: Restart Server” starts another.',
    },
  };
}
