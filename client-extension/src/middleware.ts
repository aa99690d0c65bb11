// Where this client differs from a plain one: progress as a notification, settings as they were set, the preview.

import * as vscode from 'vscode';
import {
  type LanguageClient,
  type Middleware,
  type ProgressToken,
  type WorkDoneProgressBegin,
  WorkDoneProgressCancelNotification,
} from 'vscode-languageclient/node';
import { applyEdit } from './preview';
import type { Questions } from './questions';
import { forServer, SECTION } from './settings';
import { withReason } from './unavailable';

export function middleware(
  client: () => LanguageClient | undefined,
  context: vscode.ExtensionContext,
  notifications: Notifications,
  questions: Questions
): Middleware {
  const names = settingNames(context);
  return {
    handleWorkDoneProgress: (token, params, next) => {
      if (params.kind === 'begin') {
        notifications.begin(token, params, () => void client()?.sendNotification(WorkDoneProgressCancelNotification.type, { token }));
      } else if (params.kind === 'report') {
        notifications.report(token, params.message);
      } else {
        notifications.end(token);
        next(token, params); // the client frees what it keeps of the token
      }
    },
    provideCodeActions: async (document, range, place, token, next) => withReason(await next(document, range, place, token), place),
    workspace: {
      configuration: (params, token, next) =>
        params.items.every((item) => item.section === SECTION) ? params.items.map(() => forServer(names)) : next(params, token),
      handleApplyEdit: async (params, next) =>
        applyEdit(client(), params, (edit) => Promise.resolve(next(edit, new vscode.CancellationTokenSource().token)), questions),
    },
  };
}

/** The names of the settings in the manifest, without the section. */
function settingNames(context: vscode.ExtensionContext): string[] {
  const categories = (context.extension.packageJSON as { contributes: { configuration: { properties: object }[] } }).contributes
    .configuration;
  return categories.flatMap(({ properties }) => Object.keys(properties)).map((name) => name.slice(SECTION.length + 1));
}

/** The progress of every job of one server. */
export class Notifications {
  private readonly shown = new Map<ProgressToken, Notification>();

  begin(token: ProgressToken, params: WorkDoneProgressBegin, cancel: () => void): void {
    this.shown.set(token, new Notification(params, cancel));
  }

  report(token: ProgressToken, message: string | undefined): void {
    this.shown.get(token)?.report(message);
  }

  end(token: ProgressToken): void {
    this.shown.get(token)?.end();
    this.shown.delete(token);
  }

  /** The server is gone, and will end none of them. */
  endAll(): void {
    for (const token of [...this.shown.keys()]) this.end(token);
  }
}

/** A job's progress where the user sees it, with a button to cancel. */
class Notification {
  private progress: vscode.Progress<{ message?: string }> | undefined;
  private message: string;
  private finish: () => void = () => {};

  constructor(begin: WorkDoneProgressBegin, cancel: () => void) {
    this.message = begin.message ?? '';
    const options = { location: vscode.ProgressLocation.Notification, title: begin.title, cancellable: begin.cancellable ?? false };
    const ended = new Promise<void>((resolve) => {
      this.finish = resolve;
    });
    void vscode.window.withProgress(options, (progress, token) => {
      this.progress = progress;
      token.onCancellationRequested(() => {
        cancel();
        // the server's own end closes it; what it was asked to do may take a moment
        progress.report({ message: 'cancelling …' });
      });
      progress.report({ message: this.message });
      return ended;
    });
  }

  report(message: string | undefined): void {
    this.message = message ?? this.message;
    this.progress?.report({ message: this.message });
  }

  end(): void {
    this.finish();
  }
}
