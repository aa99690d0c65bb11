// What the walkthrough ticks once it has happened; other windows know it when they are opened.

import type * as vscode from 'vscode';
import type { Jobs } from './jobs';
import { setContext } from './settings';

const APPLIED = 'hasApplied';

/** Remembers that a proposal of the team was applied. */
export function rememberFirstEdit(jobs: Jobs, memory: vscode.Memento): vscode.Disposable {
  setContext('hasApplied', memory.get(APPLIED, false));
  return jobs.onDidChange((job) => {
    if (job?.state !== 'applied') return;
    setContext('hasApplied', true);
    if (!memory.get(APPLIED, false)) void memory.update(APPLIED, true);
  });
}
