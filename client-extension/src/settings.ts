// The settings as this extension reads and passes them on.

import * as vscode from 'vscode';

export const SECTION = 'codeteam';

/** How a proposal is shown before it is applied. */
export type Preview = 'refactor' | 'multi-diff' | 'direct';
export type TraceLevel = 'off' | 'messages' | 'verbose';

/** Settings of the extension itself, which the server does not know. */
const OWN = new Set(['trace', 'preview', 'pythonPath', 'wheelhouse']);

export function preview(): Preview {
  return own<Preview>('preview', 'refactor');
}

export function traceLevel(): TraceLevel {
  return own<TraceLevel>('trace', 'off');
}

export function pythonPath(): string {
  return own('pythonPath', '').trim();
}

export function wheelhouse(): string {
  return own('wheelhouse', '').trim();
}

/** A setting of the team, empty where the user has not chosen one; what the workspace says is not the user's choice. */
export function chosen(name: string): string {
  const value = byUser(name);
  return typeof value === 'string' ? value : '';
}

/**
 * What the user has set for the server, and nothing that is merely a default: the server's own sources
 * (settings.toml, CODETEAM_MODEL) count where the editor says nothing. What the workspace has set stands apart, under
 * `workspace`: the server takes of it what tightens.
 */
export function forServer(names: readonly string[]): Record<string, unknown> {
  const teams = names.filter((name) => !OWN.has(name));
  return { ...setBy(byUser, teams), workspace: setBy(byWorkspace, teams) };
}

/** Writes one of the user's settings, never one of the workspace's. */
export async function write(name: string, value: unknown): Promise<void> {
  await vscode.workspace.getConfiguration(SECTION).update(name, value, vscode.ConfigurationTarget.Global);
}

/** A fact that conditions of the manifest ask for, as `codeteam.NAME`. */
export function setContext(name: string, value: boolean): void {
  void vscode.commands.executeCommand('setContext', `${SECTION}.${name}`, value);
}

function setBy(who: (name: string) => unknown, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, who(name)]).filter(([, value]) => value !== undefined));
}

function byUser(name: string): unknown {
  return vscode.workspace.getConfiguration(SECTION).inspect(name)?.globalValue;
}

function byWorkspace(name: string): unknown {
  const where = vscode.workspace.getConfiguration(SECTION).inspect(name);
  return where?.workspaceFolderValue ?? where?.workspaceValue;
}

/** The extension's own settings are the user's alone. */
function own<T>(name: string, otherwise: T): T {
  return (byUser(name) as T | undefined) ?? otherwise;
}
