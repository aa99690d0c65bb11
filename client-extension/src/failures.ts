// A job that failed, told with the way out of it; the server leaves that to editors that follow its jobs.

import * as vscode from 'vscode';
import type { JobParams } from './protocol';
import type { Secrets } from './secrets';

const SHOW_JOBS = 'Show Jobs';

interface WayOut {
  title: string;
  act: () => Thenable<unknown>;
}

/** What keeps a job from running on this machine, by the kind of its failure. */
const OF_THE_MACHINE = /^(docker_|sandbox_|image_|disk_|worker_)/;
const OF_THE_MODEL = /^model_/;

/** Whether another look at the machine may tell more. */
export function isOfTheMachine(job: JobParams): boolean {
  const kind = job.error?.kind ?? '';
  return job.state === 'failed' && (OF_THE_MACHINE.test(kind) || OF_THE_MODEL.test(kind));
}

export async function tellFailure(job: JobParams, secrets: Secrets): Promise<void> {
  const { message = job.message, hint = '' } = job.error ?? {};
  const ways = waysOut(job, secrets);
  // with a button VS Code shows the whole message, without one a line of it
  const chosen = await vscode.window.showErrorMessage(
    `Codeteam could not ${job.title}: ${message} ${hint}`.trim(),
    ...ways.map(({ title }) => title)
  );
  await ways.find(({ title }) => title === chosen)?.act();
}

/** What ran when the server ended by itself. */
export async function tellLost(jobs: readonly Pick<JobParams, 'title'>[]): Promise<void> {
  const titles = jobs.map(({ title }) => `“${title}”`).join(', ');
  const text = `Codeteam: the language server has ended, and with it ${titles}. Nothing was changed; the job view can run it again.`;
  if ((await vscode.window.showWarningMessage(text, SHOW_JOBS)) === SHOW_JOBS) await vscode.commands.executeCommand('codeteam.jobs.focus');
}

function waysOut({ jobId, error }: JobParams, secrets: Secrets): WayOut[] {
  const kind = error?.kind ?? '';
  const way = (title: string, command: string) => ({ title, act: () => vscode.commands.executeCommand(`codeteam.${command}`, { jobId }) });
  const report = way('Open Report', 'openReport');
  if (OF_THE_MACHINE.test(kind)) return [way('Check This Machine', 'checkMachine')];
  if (!OF_THE_MODEL.test(kind)) return [report];
  const model = way('Choose Model', 'chooseModel');
  if (kind !== 'model_auth' || !secrets.hasLentTo(jobId)) return [model, report];
  const again = async () => (await secrets.replace(jobId)) && vscode.commands.executeCommand('codeteam.rerun', { jobId });
  return [{ title: 'Enter Another Key', act: again }, model, report];
}
