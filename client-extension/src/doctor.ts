// What works on this machine, as `codeteam doctor` finds it for the settings of this editor.

import * as vscode from 'vscode';
import { type Bundle, INTERPRETER_OPTIONS, pythonEnvironment } from './bundle';
import { runProgram } from './program';
import type { Secrets } from './secrets';
import type { Server } from './server';
import { chosen, setContext } from './settings';

const PATIENCE_MS = 60_000;
/** Settings that decide what is looked at, with their options. */
const OPTIONS = {
  model: '--model',
  architectModel: '--architect-model',
  developerModel: '--developer-model',
  reviewerModel: '--reviewer-model',
  testerModel: '--tester-model',
  baseUrl: '--base-url',
  sandbox: '--sandbox',
  sandboxImage: '--sandbox-image',
  sandboxRuntime: '--sandbox-runtime',
};

export interface Check {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  detail: string;
  /** The command, or the one thing to do. */
  mend: string;
  /** As in server/codeteam/domain/errors.py, or `model_editor`, `model_engine`, `model_file`, `model_unknown`. */
  kind: string;
}

export class Doctor implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private looking: Promise<readonly Check[]> | undefined;
  private again = false;
  /** What was found last; nothing before the first look. */
  checks: readonly Check[] | undefined;

  constructor(
    private readonly server: Server,
    private readonly carried: Bundle,
    private readonly secrets: Secrets,
    private readonly log: vscode.LogOutputChannel
  ) {}

  /** Looks anew; empty where there is nothing to look with yet, or nothing may run. */
  async look(): Promise<readonly Check[]> {
    this.again = true; // what is being looked at may have changed since
    this.looking ??= this.askUntilSettled().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** What holds now: what was found last, once a look that has begun is over. */
  async current(): Promise<readonly Check[]> {
    return (await this.looking) ?? this.checks ?? this.look();
  }

  /** What keeps jobs from running, the first of it. */
  get trouble(): Check | undefined {
    return this.checks?.find((check) => check.status === 'fail');
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async askUntilSettled(): Promise<readonly Check[]> {
    let found: readonly Check[] = [];
    while (this.again) {
      this.again = false;
      found = await this.ask();
    }
    this.tell();
    return found;
  }

  /** What the walkthrough and the palette go by: it is so, not merely begun. */
  private tell(): void {
    const works = (name: string) => this.checks?.some((check) => check.name === name && check.status !== 'fail') ?? false;
    setContext('isSetUp', this.server.worker?.ready ?? false);
    setContext('hasModel', works('model'));
    setContext('hasTrouble', this.trouble !== undefined);
    setContext('ready', this.checks !== undefined && !this.trouble);
  }

  private async ask(): Promise<readonly Check[]> {
    const worker = this.server.worker;
    if (!vscode.workspace.isTrusted || !worker?.ready) return [];
    const options = Object.entries(OPTIONS).flatMap(([name, option]) => (chosen(name) ? [option, chosen(name)] : []));
    const args = [...INTERPRETER_OPTIONS, '-m', 'codeteam', 'doctor', '--json', ...options];
    const { stdout, stderr } = await runProgram(worker.interpreter, args, { env: pythonEnvironment(this.carried), timeout: PATIENCE_MS });
    try {
      const { checks } = JSON.parse(stdout) as { checks: Check[] };
      this.checks = checks.map((check) => this.withOurs(check));
      this.log.info(`this machine: ${this.checks.map(({ name, status }) => `${name} ${status}`).join(', ')}`);
    } catch {
      const detail = stderr.trim().split('\n').at(-1) || 'it could not be looked at';
      this.checks = [{ name: 'codeteam', status: 'fail', detail, mend: '', kind: 'doctor' }];
      this.log.error(`codeteam doctor: ${stderr}`);
    }
    this.changed.fire();
    return this.checks;
  }

  /** What the command line lacks and this editor has: its own models, and keys, kept here or asked for when a job needs them. */
  private withOurs(check: Check): Check {
    if (check.kind === 'model_editor') {
      return { ...check, status: 'ok', detail: `${check.detail.split(':', 1)[0]}: the editor is asked for it`, mend: '' };
    }
    if (check.kind === 'model_unknown') return { ...check, mend: '' }; // here another one is picked from a list
    const name = /\b[A-Z][A-Z_]*_API_KEY\b/.exec(check.mend)?.[0];
    if (check.kind !== 'model_auth' || !name) return check;
    const detail = this.secrets.has(name) ? 'its key is kept by the editor' : 'its key is asked for when a job needs it';
    return { ...check, status: 'ok', detail: `${check.detail.split(':', 1)[0]}: ${detail}`, mend: '' };
  }
}
