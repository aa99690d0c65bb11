// The language server's process and the client that speaks with it.

import * as vscode from 'vscode';
import {
  type ClientCapabilities,
  type FeatureState,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  State,
  type StaticFeature,
} from 'vscode-languageclient/node';
import { type Bundle, INTERPRETER_OPTIONS, pythonEnvironment } from './bundle';
import { WorkerEnvironment } from './environment';
import { middleware, Notifications } from './middleware';
import type * as protocol from './protocol';
import { findPython, type Python } from './python';
import type { Questions } from './questions';
import { logLines } from './serverLog';
import { SECTION } from './settings';
import { level, type TraceChannel } from './trace';

/** Languages that Codeteam writes. */
export const CODE = ['python', 'javascript', 'typescript', 'shellscript', 'go', 'rust'];
/** Languages that people write requirements in. */
const PROSE = ['markdown', 'plaintext', 'restructuredtext', 'asciidoc', 'org', 'latex', 'typst', 'quarto', 'mdx'];
/** What Codeteam is offered for. */
export const LANGUAGES = [...CODE, ...PROSE];

export type ServerState = { is: 'starting' } | { is: 'running' } | { is: 'stopped'; why: string };

export interface ServerParts {
  context: vscode.ExtensionContext;
  carried: Bundle;
  log: vscode.LogOutputChannel;
  trace: TraceChannel;
  questions: Questions;
  /** Registers handlers on a client before it starts. */
  connect: (client: LanguageClient) => vscode.Disposable[];
}

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private starting: Promise<LanguageClient> | undefined;
  /** The restart that waits for its turn, and the end of all turns so far. */
  private waiting: Promise<void> | undefined;
  private turns: Promise<void> = Promise.resolve();
  private handlers: vscode.Disposable[] = [];
  private readonly notifications = new Notifications();
  private readonly changed = new vscode.EventEmitter<ServerState>();
  readonly onDidChange = this.changed.event;
  state: ServerState = { is: 'stopped', why: '' };
  /** Known once a Python was found. */
  worker: WorkerEnvironment | undefined;

  constructor(private readonly parts: ServerParts) {}

  /** The client, started; rejects with words for the user where that cannot be. */
  async running(): Promise<LanguageClient> {
    if (this.client?.isRunning()) return this.client;
    this.starting ??= this.start().finally(() => {
      this.starting = undefined;
    });
    return this.starting;
  }

  /** The client where it runs already. */
  get now(): LanguageClient | undefined {
    return this.client?.isRunning() ? this.client : undefined;
  }

  /** Starts a server by the settings as they are now; one that is starting by older ones is waited for, and let go. */
  restart(): Promise<void> {
    // who asks while a restart waits asks for that one: it has not read the settings yet
    if (this.waiting !== undefined) return this.waiting;
    const restarted = this.turns.then(() => this.settled()).then(() => this.restartNow());
    this.waiting = restarted;
    this.turns = restarted.catch(() => {});
    return restarted;
  }

  async stop(): Promise<void> {
    const left = this.leave();
    this.become({ is: 'stopped', why: '' });
    await left;
  }

  /** Runs one of the server's commands. */
  async command(name: string, argument: object): Promise<protocol.CommandAnswer> {
    const client = await this.running();
    return client.sendRequest('workspace/executeCommand', { command: name, arguments: [argument] });
  }

  dispose(): Thenable<void> {
    this.changed.dispose();
    return this.stop();
  }

  private async restartNow(): Promise<void> {
    this.waiting = undefined;
    await this.stop();
    await this.running();
  }

  /** Nothing is starting any more, whatever came of it. */
  private async settled(): Promise<void> {
    while (this.starting !== undefined) await this.starting.catch(() => {});
  }

  private async start(): Promise<LanguageClient> {
    this.become({ is: 'starting' });
    try {
      const python = await findPython();
      this.parts.log.info(`Python ${python.version}: ${python.path}`);
      this.worker = await WorkerEnvironment.of(this.parts.context.globalStorageUri, python, this.parts.carried, this.parts.log);
      await this.worker.noteUse();
      await vscode.workspace.fs.createDirectory(this.parts.context.globalStorageUri);
      await this.leave();
      const client = this.make(python, this.worker);
      this.client = client;
      this.handlers = [
        ...this.parts.connect(client),
        client.onDidChangeState(({ newState }) => this.follow(client, newState)),
        vscode.workspace.onDidChangeConfiguration(() => void this.setTrace(client)),
      ];
      await client.start();
      return client;
    } catch (error) {
      this.become({ is: 'stopped', why: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  /** Lets go of the client: what its server says from now on is heard by nobody. */
  private async leave(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    for (const handler of this.handlers.splice(0)) handler.dispose();
    // one that is starting cannot be stopped: after a crash the library starts it by itself
    if (client?.state === State.Starting) await client.start().catch(() => {});
    if (client?.needsStop()) await client.dispose(2000).catch((error: unknown) => this.parts.log.warn(String(error)));
  }

  private make(python: Python, worker: WorkerEnvironment): LanguageClient {
    const { carried, context, log, trace } = this.parts;
    const env = pythonEnvironment(carried, { CODETEAM_WORKER_PYTHON: worker.interpreter });
    if (process.platform !== 'linux') env['PYTHONPATH'] += `${process.platform === 'win32' ? ';' : ':'}${worker.sitePackages}`;
    const options: LanguageClientOptions = {
      documentSelector: LANGUAGES.flatMap((language) => [
        { scheme: 'file', language },
        { scheme: 'untitled', language },
      ]),
      outputChannel: log,
      traceOutputChannel: trace,
      stdioOptions: { stdout: logLines, stderr: logLines },
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: () => ({ trusted: vscode.workspace.isTrusted }),
      middleware: middleware(() => this.client, context, this.notifications, this.parts.questions),
    };
    const run = {
      command: python.path,
      args: [...INTERPRETER_OPTIONS, '-m', 'codeteam', 'serve'],
      options: { env, cwd: context.globalStorageUri.fsPath },
    };
    const client = new Client(SECTION, 'Codeteam', { run, debug: run }, options);
    client.registerFeature(new Understood());
    return client;
  }

  private follow(client: LanguageClient, state: State): void {
    if (client !== this.client) return;
    if (state === State.Running) {
      void this.setTrace(client); // also after a crash, when the library has started it again
      this.become({ is: 'running' });
    } else if (state === State.Starting) this.become({ is: 'starting' });
    else if (state === State.Stopped) this.become({ is: 'stopped', why: 'The language server has ended; its log says more.' });
  }

  /**
   * The language client sets the trace by its own settings at every start and change; ours is said after that, whoever
   * hears of it first.
   */
  private async setTrace(client: LanguageClient): Promise<void> {
    await Promise.resolve();
    if (client.isRunning()) await client.setTrace(level()).catch((error: unknown) => this.parts.log.warn(String(error)));
  }

  private become(state: ServerState): void {
    this.state = state;
    if (state.is !== 'running') {
      this.notifications.endAll();
      this.parts.questions.endAll();
    }
    this.changed.fire(state);
  }
}

/** The client, but for the server's commands: the extension registers them, so that they exist before the server runs. */
class Client extends LanguageClient {
  override registerFeature(feature: Parameters<LanguageClient['registerFeature']>[0]): void {
    const method = 'registrationType' in feature ? feature.registrationType.method : '';
    if (method !== 'workspace/executeCommand') super.registerFeature(feature);
  }
}

/** Says which of the custom messages this client understands. */
class Understood implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const experimental = (capabilities.experimental ?? {}) as Record<string, unknown>;
    capabilities.experimental = { ...experimental, codeteam: { jobs: true, trust: true, chat: true, secrets: true } };
  }

  initialize(): void {}

  getState(): FeatureState {
    return { kind: 'static' };
  }

  clear(): void {}
}
