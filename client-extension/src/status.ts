// The status item: ready, at work, or what is wrong and the command that mends it.

import * as vscode from 'vscode';
import type { Doctor } from './doctor';
import type { Jobs } from './jobs';
import type { Questions } from './questions';
import { LANGUAGES, type Server } from './server';

export interface Status {
  text: string;
  detail?: string;
  severity: vscode.LanguageStatusSeverity;
  busy?: boolean;
  command?: vscode.Command;
}

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.languages.createLanguageStatusItem('codeteam.status', LANGUAGES);
  private readonly listening: vscode.Disposable[];

  constructor(
    private readonly server: Server,
    private readonly jobs: Jobs,
    private readonly doctor: Doctor,
    private readonly questions: Questions
  ) {
    this.item.name = 'Codeteam';
    const show = () => this.show();
    this.listening = [
      server.onDidChange(show),
      jobs.onDidChange(show),
      doctor.onDidChange(show),
      questions.onDidChange(show),
      vscode.workspace.onDidGrantWorkspaceTrust(show),
    ];
    this.show();
  }

  dispose(): void {
    for (const listening of this.listening) listening.dispose();
    this.item.dispose();
  }

  private show(): void {
    const { text, detail, severity, busy, command } = this.status();
    this.item.text = text;
    this.item.detail = detail ?? '';
    this.item.severity = severity;
    this.item.busy = busy ?? false;
    this.item.command = command;
    this.item.accessibilityInformation = { label: `Codeteam: ${text}` };
  }

  private status(): Status {
    const { Error: error, Warning: warning, Information: fine } = vscode.LanguageStatusSeverity;
    const state = this.server.state;
    const trouble = this.doctor.trouble;
    const active = this.jobs.active().length;
    if (!vscode.workspace.isTrusted) {
      const trust = { title: 'Manage Trust', command: 'workbench.trust.manage' };
      return { text: 'workspace not trusted', detail: 'nothing runs here', severity: warning, command: trust };
    }
    if (state.is === 'starting') return { text: 'starting', severity: fine, busy: true };
    if (state.is === 'stopped') {
      if (!state.why) return { text: 'not started', severity: fine, command: { title: 'Start', command: 'codeteam.restart' } };
      const command = /Python/.test(state.why)
        ? { title: 'Choose a Python', command: 'workbench.action.openSettings', arguments: ['codeteam.pythonPath'] }
        : { title: 'Restart', command: 'codeteam.restart' };
      return { text: 'not running', detail: state.why, severity: error, command };
    }
    if (this.questions.count) {
      return { text: 'waits for your answer', severity: warning, command: { title: 'Show Question', command: 'codeteam.showQuestion' } };
    }
    if (active) {
      const text = active === 1 ? 'a job is running' : `${active} jobs are running`;
      return { text, severity: fine, busy: true, command: { title: 'Show Jobs', command: 'codeteam.jobs.focus' } };
    }
    if (this.server.worker && !this.server.worker.ready) {
      return { text: 'sets itself up on first use', severity: fine, command: { title: 'Set Up Now', command: 'codeteam.setUp' } };
    }
    if (trouble) {
      return {
        text: `${trouble.name}: ${trouble.detail}`,
        severity: error,
        command: { title: 'Mend', command: 'codeteam.mend', tooltip: trouble.mend },
      };
    }
    const model = this.doctor.checks?.find((check) => check.name === 'model')?.detail.split(':', 1)[0];
    return {
      text: 'ready',
      ...(model && { detail: model }),
      severity: fine,
      command: { title: 'Choose Model', command: 'codeteam.chooseModel' },
    };
  }
}
