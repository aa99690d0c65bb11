// From a fresh install to a machine on which jobs run: the worker's environment, the embedded model, whatever the doctor
// finds missing. Each step shows its progress, can be cancelled, and can be tried again.

import * as vscode from 'vscode';
import { type Bundle, INTERPRETER_OPTIONS, pythonEnvironment } from './bundle';
import type { Check, Doctor } from './doctor';
import { SetUpFailed, type WorkerEnvironment } from './environment';
import { runProgram } from './program';
import type { Server } from './server';
import { commandIn } from './words';

const RETRY = 'Retry';
const LOG = 'Show Log';
const FETCH = 'Fetch It';
const OTHER_MODEL = 'Choose Another Model';
const COPY = 'Copy Command';
const TERMINAL = 'Open Terminal';
const AGAIN = 'Check Again';
const CHOOSE_MODEL = 'codeteam.chooseModel';

type Work = (progress: vscode.Progress<{ message?: string }>, token: vscode.CancellationToken) => Promise<void>;

export class Readiness {
  private preparing: Promise<boolean> | undefined;

  constructor(
    private readonly server: Server,
    private readonly doctor: Doctor,
    private readonly carried: Bundle,
    private readonly log: vscode.LogOutputChannel
  ) {}

  /** Sees to it that a job can run; false when the user gave up, who knows why by then. Quick when all is there. */
  async prepare(): Promise<boolean> {
    this.preparing ??= this.prepareOnce().finally(() => {
      this.preparing = undefined;
    });
    return this.preparing;
  }

  /** What the user can do about a check that failed. */
  async mend(check: Check): Promise<void> {
    const worker = this.server.worker;
    if (check.kind === 'model_engine' && worker)
      await this.steadily('fetching the engine of the embedded model', (progress, token) => worker.addEmbedded(progress, token));
    else if (check.kind === 'model_file') await this.offerModelFile(check);
    else if (check.kind === 'image_missing')
      await this.steadily('building the image of the sandbox', this.ownCommand(['sandbox', 'build']));
    else if (check.name === 'model') await this.explain(check, OTHER_MODEL);
    else await this.explain(check);
    await this.doctor.look();
  }

  private async prepareOnce(): Promise<boolean> {
    await this.server.running();
    const worker = this.server.worker;
    if (!worker) return false;
    if (worker.ready) await worker.noteUse();
    else if (!(await this.makeEnvironment(worker))) return false;
    const looking = { location: vscode.ProgressLocation.Window, title: 'Codeteam: checking this machine' };
    const checks = await vscode.window.withProgress(looking, () => this.doctor.current());
    const engine = checks.find((check) => check.kind === 'model_engine');
    if (engine) {
      if (!(await this.steadily('fetching the engine of the embedded model', (progress, token) => worker.addEmbedded(progress, token))))
        return false;
      await this.doctor.look();
    }
    const file = this.doctor.checks?.find((check) => check.kind === 'model_file');
    if (!file) return true;
    const fetched = await this.offerModelFile(file);
    if (fetched) await this.doctor.look();
    return fetched;
  }

  private async makeEnvironment(worker: WorkerEnvironment): Promise<boolean> {
    const made = await this.steadily('setting up (only once)', (progress, token) => worker.make(progress, token));
    // elsewhere than on Linux the server itself needs a compiled package of that environment
    if (made && process.platform !== 'linux') await this.server.restart();
    return made;
  }

  private async offerModelFile(check: Check): Promise<boolean> {
    const name = /model pull (\S+)/.exec(check.mend)?.[1] ?? '';
    const text = `The embedded model is needed, and it is ${check.detail.replace(/^[^:]*: /, '')}. Fetch it now?`;
    const answer = await vscode.window.showInformationMessage(text, FETCH, OTHER_MODEL);
    if (answer === OTHER_MODEL) await vscode.commands.executeCommand(CHOOSE_MODEL);
    if (answer !== FETCH) return false;
    return this.steadily(`fetching the model ${name}`, this.ownCommand(['model', 'pull', name]));
  }

  /** One of the command line's own commands, its lines as progress. */
  private ownCommand(args: string[]): Work {
    return async (progress, token) => {
      const worker = this.server.worker;
      if (!worker?.ready) throw new SetUpFailed('The worker’s environment is not there yet.');
      const outcome = await runProgram(worker.interpreter, [...INTERPRETER_OPTIONS, '-m', 'codeteam', ...args], {
        env: pythonEnvironment(this.carried),
        token,
        onLine: (line) => {
          this.log.info(line);
          progress.report({ message: line.trim().slice(0, 120) });
        },
      });
      if (outcome.cancelled) throw new vscode.CancellationError();
      if (outcome.code !== 0) throw new SetUpFailed((outcome.stderr || outcome.stdout).trim().split('\n').slice(-2).join(' '));
    };
  }

  /** Work with progress and cancel; where it fails, the user may try again. */
  private async steadily(title: string, work: Work): Promise<boolean> {
    const options = { location: vscode.ProgressLocation.Notification, title: `Codeteam: ${title}`, cancellable: true };
    for (;;) {
      try {
        await vscode.window.withProgress(options, work);
        return true;
      } catch (error) {
        if (error instanceof vscode.CancellationError) return false;
        this.log.error(String(error));
        const reason = error instanceof Error ? error.message : String(error);
        const answer = await vscode.window.showErrorMessage(`Codeteam could not finish ${title}. ${reason}`, RETRY, LOG);
        if (answer === LOG) this.log.show();
        if (answer !== RETRY) return false;
      }
    }
  }

  private async explain(check: Check, ...more: string[]): Promise<void> {
    const command = commandIn(check.mend);
    const text = `${check.name}: ${check.detail}.${check.mend ? ` To mend it: ${check.mend}` : ''}`;
    const actions = command ? [TERMINAL, COPY, ...more, AGAIN] : [...more, AGAIN];
    const answer = await vscode.window.showWarningMessage(text, ...actions);
    if (answer === COPY) await vscode.env.clipboard.writeText(command);
    if (answer === OTHER_MODEL) await vscode.commands.executeCommand(CHOOSE_MODEL);
    if (answer === TERMINAL) this.openTerminal(command);
  }

  /** The command is typed but not run: the user presses Enter. */
  private openTerminal(command: string): void {
    const own = command.startsWith('codeteam ') && this.server.worker?.ready;
    const terminal = vscode.window.createTerminal({
      name: 'Codeteam',
      ...(own && { env: { PYTHONPATH: this.carried.paths.join(process.platform === 'win32' ? ';' : ':') } }),
    });
    const typed = own ? command.replace(/^codeteam/, `"${this.server.worker?.interpreter}" -P -m codeteam`) : command;
    terminal.show();
    terminal.sendText(typed, false);
  }
}
