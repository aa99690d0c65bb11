// Keys of model providers: kept in the editor's secret storage, asked for when a job needs one, told to no one else.

import * as vscode from 'vscode';
import type { SecretAnswer, SecretParams } from './protocol';

const PREFIX = 'codeteam.key.';
const INDEX = 'codeteam.keys';

export class Secrets {
  private readonly given = new Set<string>();
  private readonly asking = new Map<string, Promise<string | null>>();
  /** By the job, the key that it was given last. */
  private readonly lent = new Map<string, Pick<SecretParams, 'name' | 'label'>>();

  constructor(private readonly context: vscode.ExtensionContext) {}

  /** The keys handed out in this session, for taking them out of traces. */
  known(): Iterable<string> {
    return this.given;
  }

  /** Whether a key of that name is kept. */
  has(name: string): boolean {
    return this.names().includes(name);
  }

  /** Answers `codeteam/secret`: the key that is kept, else the one that the user types in. */
  async answer(params: SecretParams, token: vscode.CancellationToken): Promise<SecretAnswer> {
    if (!vscode.workspace.isTrusted) return { value: null };
    const { jobId, address } = params;
    // what was given for one server is not sent to another
    const [name, label] = address ? [`${params.name} for ${address}`, address] : [params.name, params.label];
    const kept = await this.context.secrets.get(PREFIX + name);
    const value = kept ?? (await this.askOnce(name, label, token));
    if (value) {
      this.given.add(value);
      this.lent.set(jobId, { name, label });
    }
    return { value };
  }

  /** Whether this job was given a key of ours, so that another one may mend what it failed of. */
  hasLentTo(jobId: string): boolean {
    return this.lent.has(jobId);
  }

  /** Forgets the key that a job was given and asks for another one; true once there is one. */
  async replace(jobId: string): Promise<boolean> {
    const lent = this.lent.get(jobId);
    if (!lent) return false;
    await this.drop([lent.name]);
    return (await this.ask(lent.name, lent.label)) !== null;
  }

  /** Asks for a key and keeps it; null when the user gives none. */
  async ask(name: string, label: string, token?: vscode.CancellationToken): Promise<string | null> {
    const options: vscode.InputBoxOptions = {
      title: `Codeteam: key for ${label}`,
      prompt: `${name}, kept in the editor's secret storage. It is sent to ${label} and nowhere else.`,
      password: true,
      ignoreFocusOut: true,
      validateInput: (typed) => (/^[\x21-\x7e]*$/.test(typed.trim()) ? undefined : 'A key has letters, digits and signs, no spaces.'),
    };
    const value = (await vscode.window.showInputBox(options, token))?.trim();
    if (!value) return null;
    this.given.add(value);
    await this.context.secrets.store(PREFIX + name, value);
    await this.context.globalState.update(INDEX, [...new Set([...this.names(), name])]);
    return value;
  }

  /** Lets the user choose which keys to forget. */
  async forget(): Promise<void> {
    const names = this.names();
    if (names.length === 0) {
      void vscode.window.showInformationMessage('Codeteam keeps no keys.');
      return;
    }
    const chosen = await vscode.window.showQuickPick(names, {
      title: 'Codeteam: forget keys',
      canPickMany: true,
      placeHolder: 'Keys to forget',
    });
    if (!chosen?.length) return;
    await this.drop(chosen);
    void vscode.window.showInformationMessage(`Forgotten: ${chosen.join(', ')}.`);
  }

  private async drop(dropped: readonly string[]): Promise<void> {
    for (const name of dropped) await this.context.secrets.delete(PREFIX + name);
    const kept = this.names().filter((name) => !dropped.includes(name));
    await this.context.globalState.update(INDEX, kept);
  }

  /** Two roles of one job may need the same key at once; the user is asked once. */
  private askOnce(name: string, label: string, token: vscode.CancellationToken): Promise<string | null> {
    const running = this.asking.get(name);
    if (running !== undefined) return running;
    const asking = this.ask(name, label, token).finally(() => this.asking.delete(name));
    this.asking.set(name, asking);
    return asking;
  }

  /** Names alone; the storage cannot list what it holds. */
  private names(): string[] {
    return this.context.globalState.get<string[]>(INDEX, []);
  }
}
