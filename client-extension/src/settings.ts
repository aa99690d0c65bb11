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

/** A setting of the team, empty where the user has not chosen one. */
export function chosen(name: string): string {
  const value = explicit(name);
  return typeof value === 'string' ? value : '';
}

/**
 * What the user has set for the server, and nothing that is merely a default: the server's own sources
 * (settings.toml, CODETEAM_MODEL) count where the editor says nothing.
 */
export function forServer(names: readonly string[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const name of names) {
    const value = OWN.has(name) ? undefined : explicit(name);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/** Writes a setting where it is set already, else for the user. */
export async function write(name: string, value: unknown): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const where = configuration.inspect(name);
  const target = where?.workspaceValue === undefined ? vscode.ConfigurationTarget.Global : vscode.ConfigurationTarget.Workspace;
  await configuration.update(name, value, target);
}

function explicit(name: string): unknown {
  const where = vscode.workspace.getConfiguration(SECTION).inspect(name);
  return where?.workspaceFolderValue ?? where?.workspaceValue ?? where?.globalValue;
}

function own<T>(name: string, otherwise: T): T {
  return vscode.workspace.getConfiguration(SECTION).get<T>(name, otherwise);
}
