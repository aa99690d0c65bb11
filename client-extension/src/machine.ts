// The commands about this machine: what works on it, what does not, and mending that. Each says what came of it.

import * as vscode from 'vscode';
import type { Check, Doctor } from './doctor';
import type { Readiness } from './readiness';

const MARKS = { ok: '$(pass)', warn: '$(warning)', fail: '$(error)' };

/** Sets up what is missing, and says whether jobs can run now. */
export async function setUp(doctor: Doctor, readiness: Readiness): Promise<void> {
  if (!(await readiness.prepare())) return; // the user knows why
  await looking(doctor);
  if (doctor.trouble) await readiness.mend(doctor.trouble);
  else void vscode.window.showInformationMessage('Codeteam is set up: jobs can run on this machine.');
}

/** What was found on this machine, as a list; choosing what is wrong begins to mend it. */
export async function checkMachine(doctor: Doctor, readiness: Readiness): Promise<void> {
  const checks = await looking(doctor);
  if (checks.length === 0) {
    void vscode.window.showInformationMessage('Codeteam sets itself up on first use; “Codeteam: Set Up” does it now.');
    return;
  }
  const items = checks.map((check) => ({
    label: `${MARKS[check.status]} ${check.name}`,
    description: check.detail,
    detail: check.status === 'ok' ? '' : check.mend,
    check,
  }));
  const isWrong = checks.some(({ status }) => status !== 'ok');
  const picked = await vscode.window.showQuickPick(items, {
    title: 'Codeteam: what works on this machine',
    placeHolder: isWrong ? 'Choose what is wrong to mend it' : 'All is well: jobs can run',
  });
  if (picked && picked.check.status !== 'ok') await readiness.mend(picked.check);
}

/** Begins to mend the first thing that keeps jobs from running. */
export async function mend(doctor: Doctor, readiness: Readiness): Promise<void> {
  if (!doctor.trouble) await looking(doctor);
  if (doctor.trouble) await readiness.mend(doctor.trouble);
  else void vscode.window.showInformationMessage('Codeteam finds nothing wrong on this machine.');
}

/** A look takes seconds, and is seen to. */
async function looking(doctor: Doctor): Promise<readonly Check[]> {
  const options = { location: vscode.ProgressLocation.Notification, title: 'Codeteam: looking at this machine' };
  return vscode.window.withProgress(options, () => doctor.look());
}
