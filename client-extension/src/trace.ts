// `codeteam.trace`: what client and server say to each other, without keys.

import * as vscode from 'vscode';
import { Trace } from 'vscode-languageclient/node';
import { redacted } from './redaction';
import { traceLevel } from './settings';

/** A channel for the language client to trace into; made when something is traced, and takes out what is secret. */
export class TraceChannel implements vscode.LogOutputChannel {
  readonly name = 'Codeteam Trace';
  readonly onDidChangeLogLevel: vscode.Event<vscode.LogLevel> = () => new vscode.Disposable(() => {});
  private channel: vscode.LogOutputChannel | undefined;

  /** `known` are the keys that were handed out in this session. */
  constructor(private readonly known: () => Iterable<string>) {}

  /** The language client asks this whether to trace at all; how much is set by `level`. */
  get logLevel(): vscode.LogLevel {
    return traceLevel() === 'off' ? vscode.LogLevel.Info : vscode.LogLevel.Trace;
  }

  trace(message: string): void {
    this.open().info(redacted(message, this.known()));
  }

  debug(message: string): void {
    this.trace(message);
  }

  info(message: string): void {
    this.trace(message);
  }

  warn(message: string): void {
    this.trace(message);
  }

  error(error: string | Error): void {
    this.trace(String(error));
  }

  append(value: string): void {
    this.trace(value);
  }

  appendLine(value: string): void {
    this.trace(value);
  }

  replace(value: string): void {
    this.trace(value);
  }

  clear(): void {
    this.channel?.clear();
  }

  show(): void {
    this.open().show(true);
  }

  hide(): void {
    this.channel?.hide();
  }

  dispose(): void {
    this.channel?.dispose();
    this.channel = undefined;
  }

  private open(): vscode.LogOutputChannel {
    this.channel ??= vscode.window.createOutputChannel(this.name, { log: true });
    return this.channel;
  }
}

export function level(): Trace {
  return Trace.fromString(traceLevel());
}
