// Starting a job: what is meant, what is wanted, and whether it can run; then one command to the server.

import * as vscode from 'vscode';
import { MovingPlace, type Said } from './moving';
import { isArgument, isEmpty, isOurs, type JobArgument, Nowhere, placeOf, problemsAt } from './place';
import type { Intent } from './protocol';
import type { Readiness } from './readiness';
import type { Server } from './server';

const TRUST = 'Manage Trust';
/** Of a selection in the explorer. */
const MOST_FILES = 20;
const WORDS: Record<Intent, string> = {
  implement: 'Implement',
  fix: 'Fix',
  refactor: 'Refactor',
  document: 'Write docstrings for',
  test: 'Write tests for',
  review: 'Review',
};

interface Question {
  title: string;
  prompt: string;
  isNeeded: boolean;
}

const FIX: Question = {
  title: 'Fix: what is wrong?',
  prompt: 'For example: the second page repeats the first item',
  isNeeded: true,
};
const REFACTOR: Question = {
  title: 'Refactor: how?',
  prompt: 'For example: split it into smaller functions. Leave it empty for the team to decide',
  isNeeded: false,
};
const IMPLEMENT: Question = {
  title: 'Implement: what?',
  prompt: 'What shall be written? Leave it empty for what stands at the cursor',
  isNeeded: false,
};

/** What the user wrote for a job that has not come to be, by `key`: it is offered where they are asked again. */
export type Unsent = Map<string, string>;

/** What starting a job needs. */
interface Parts {
  server: Server;
  readiness: Readiness;
  unsent: Unsent;
}

export const UNTRUSTED = 'This workspace is not trusted: Codeteam runs what it writes, and starts nothing here until you trust it.';

/** Tells the user that nothing runs here, and why; true where the workspace is trusted. */
export async function trusted(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const answer = await vscode.window.showWarningMessage(UNTRUSTED, TRUST);
  if (answer === TRUST) await vscode.commands.executeCommand('workbench.trust.manage');
  return false;
}

/**
 * Starts what a command is for and answers the identifier of the job, of several the last one's; undefined when the user
 * changed their mind.
 *
 * `target` is the lightbulb's argument, a file of the explorer, or nothing for the active editor; `all` are the files
 * that are selected in the explorer. Of several each is a job of its own, once the user has said so.
 */
export async function startJobs(intent: Intent, target: unknown, all: unknown, parts: Parts): Promise<string | undefined> {
  if (!(await trusted())) return undefined;
  const files = target instanceof vscode.Uri && Array.isArray(all) && all.length > 1 ? await filesOf(all, intent) : [];
  if (files.length < 2) return startJob(intent, files[0] ?? target, parts);
  const start = `Start ${files.length} Jobs`;
  const detail = `${files.map((file) => vscode.workspace.asRelativePath(file)).join('\n')}\n\nEach is a job of its own; they run as codeteam.jobs allows.`;
  const answer = await vscode.window.showWarningMessage(`${WORDS[intent]} ${files.length} files?`, { modal: true, detail }, start);
  let last: string | undefined;
  if (answer === start) for (const file of files) last = (await startJob(intent, file, parts, { stays: true })) ?? last;
  return last;
}

/** The files among what is selected that Codeteam may work on, each once; folders and others are left out. */
async function filesOf(selected: readonly unknown[], intent: Intent): Promise<vscode.Uri[]> {
  if (selected.length > MOST_FILES)
    throw new Nowhere(`Each file is a job, and ${selected.length} are selected: select ${MOST_FILES} at most.`);
  const files = new Map<string, vscode.Uri>();
  for (const uri of selected.filter((one) => one instanceof vscode.Uri)) if (await isOurs(uri, intent)) files.set(uri.toString(), uri);
  return [...files.values()];
}

async function startJob(
  intent: Intent,
  target: unknown,
  { server, readiness, unsent }: Parts,
  { stays = false } = {}
): Promise<string | undefined> {
  const offered = isArgument(target);
  const place = offered ? target : await placeOf(target, stays);
  // the box may stand for long, and set-up takes minutes: the user types on, and what saves by itself formats the file
  const moving = new MovingPlace(place);
  try {
    const said = await wanted(intent, place, offered, unsent);
    if (!said) return undefined;
    moving.add(said);
    if (!(await readiness.prepare())) return undefined;
    const { jobId } = await server.command(`codeteam.${intent}`, moving.now());
    unsent.delete(key(intent, place));
    return jobId;
  } finally {
    moving.dispose();
  }
}

function key(intent: Intent, { uri }: JobArgument): string {
  return `${intent} ${uri}`;
}

/** What the argument lacks of what the user has to say; undefined when the box was left. */
async function wanted(intent: Intent, place: JobArgument, offered: boolean, unsent: Unsent): Promise<Said | undefined> {
  if (intent === 'fix' && !offered) {
    const diagnostics = problemsAt(place);
    if (diagnostics?.length) return { diagnostics };
    return asked(FIX, key(intent, place), unsent);
  }
  if (intent === 'refactor' && !place.instruction) return asked(REFACTOR, key(intent, place), unsent);
  if (intent === 'implement' && !offered && isEmpty(place)) return asked(IMPLEMENT, key(intent, place), unsent);
  return {};
}

async function asked({ title, prompt, isNeeded }: Question, place: string, unsent: Unsent): Promise<Said | undefined> {
  const answer = await vscode.window.showInputBox({
    title: `Codeteam: ${title}`,
    prompt,
    value: unsent.get(place) ?? '',
    ignoreFocusOut: true,
    ...(isNeeded && { validateInput: (value: string) => (value.trim() ? undefined : 'A sentence is needed.') }),
  });
  if (answer === undefined) return undefined;
  const instruction = answer.trim();
  if (instruction) unsent.set(place, instruction);
  else unsent.delete(place);
  return instruction ? { instruction } : {};
}
