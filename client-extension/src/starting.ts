// Starting a job: what is meant, what is wanted, and whether it can run; then one command to the server.

import * as vscode from 'vscode';
import { isArgument, isEmpty, type JobArgument, placeOf, problemsAt } from './place';
import type { Intent } from './protocol';
import type { Readiness } from './readiness';
import type { Server } from './server';

const TRUST = 'Manage Trust';
export const UNTRUSTED = 'This workspace is not trusted: Codeteam runs what it writes, and starts nothing here until you trust it.';

/** Tells the user that nothing runs here, and why; true where the workspace is trusted. */
export async function trusted(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const answer = await vscode.window.showWarningMessage(UNTRUSTED, TRUST);
  if (answer === TRUST) await vscode.commands.executeCommand('workbench.trust.manage');
  return false;
}

/**
 * Starts a job and answers its identifier; undefined when the user changed their mind.
 *
 * `target` is the lightbulb's argument, a file of the explorer, or nothing for the active editor.
 */
export async function startJob(intent: Intent, target: unknown, server: Server, readiness: Readiness): Promise<string | undefined> {
  if (!(await trusted())) return undefined;
  const offered = isArgument(target);
  const place = offered ? target : await placeOf(target);
  const argument = await completed(intent, place, offered);
  if (!argument || !(await readiness.prepare())) return undefined;
  const { jobId } = await server.command(`codeteam.${intent}`, argument);
  return jobId;
}

/** The argument with what the user has to say; undefined when the box was left. */
async function completed(intent: Intent, place: JobArgument, offered: boolean): Promise<JobArgument | undefined> {
  if (intent === 'fix' && !offered) {
    const diagnostics = problemsAt(place);
    if (diagnostics?.length) return { ...place, diagnostics };
    return asked(place, 'Fix: what is wrong?', 'For example: the second page repeats the first item', true);
  }
  if (intent === 'refactor' && !place.instruction) {
    return asked(place, 'Refactor: how?', 'For example: split it into smaller functions. Leave it empty for the team to decide', false);
  }
  if (intent === 'implement' && !offered && isEmpty(place)) {
    return asked(place, 'Implement: what?', 'What shall be written? Leave it empty for what stands at the cursor', false);
  }
  return place;
}

async function asked(place: JobArgument, title: string, prompt: string, needed: boolean): Promise<JobArgument | undefined> {
  const instruction = await vscode.window.showInputBox({
    title: `Codeteam: ${title}`,
    prompt,
    ignoreFocusOut: true,
    ...(needed && { validateInput: (value: string) => (value.trim() ? undefined : 'A sentence is needed.') }),
  });
  if (instruction === undefined) return undefined;
  return instruction.trim() ? { ...place, instruction: instruction.trim() } : place;
}
