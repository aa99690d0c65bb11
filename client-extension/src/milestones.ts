// What the walkthrough ticks.

import * as vscode from 'vscode';
import type { Jobs } from './jobs';
import { setContext } from './settings';

const APPLIED = 'hasApplied';
/** Milliseconds from a tab until its page watches what happens. */
const SETTLED = 500;
const MOMENT = 500;

/**
 * Has the steps ticked that were done before VS Code watched: it begins to as the first page of that kind is opened, takes
 * what is so by then for past, and never ticks it. So each step has a second condition, which becomes true once more
 * whenever a page is opened that may be the walkthrough.
 */
export function tickWhatIsDone(): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  const ask = () => {
    clearTimeout(timer);
    setContext('isAskedAgain', false);
    timer = setTimeout(() => {
      setContext('isAskedAgain', true);
      timer = setTimeout(() => setContext('isAskedAgain', false), MOMENT);
    }, SETTLED);
  };
  const tabs = vscode.window.tabGroups.onDidChangeTabs(({ opened }) => {
    // pages of VS Code's own have no input that extensions know
    if (opened.some(({ input }) => input === undefined)) ask();
  });
  return vscode.Disposable.from(tabs, { dispose: () => clearTimeout(timer) });
}

/** Remembers that a proposal of the team was applied; other windows know it when they are opened. */
export function rememberFirstEdit(jobs: Jobs, memory: vscode.Memento): vscode.Disposable {
  setContext('hasApplied', memory.get(APPLIED, false));
  return jobs.onDidChange((job) => {
    if (job?.state !== 'applied') return;
    setContext('hasApplied', true);
    if (!memory.get(APPLIED, false)) void memory.update(APPLIED, true);
  });
}
