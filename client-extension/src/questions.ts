// Questions that stand until they are answered. VS Code hides a notification after a while, so the status item leads back
// to it; a question about a view of changes is answered in the view's title too, and ends with its tab.

import * as vscode from 'vscode';
import { type MessageActionItem, MessageType, type ShowMessageRequestParams } from 'vscode-languageclient/node';
import type { View } from './changes';
import { setContext } from './settings';

export const APPLY = 'Apply';
export const DISCARD = 'Discard';

interface Question {
  text: string;
  type: MessageType;
  answers: readonly string[];
  /** The view of what is asked about. */
  view?: View;
}

interface Standing extends Question {
  end: (answer: string | undefined) => void;
  /** How often it was shown. */
  shown: number;
  /** Whether its view was seen in a tab: what was never opened is not closed either. */
  seen: boolean;
}

export class Questions implements vscode.Disposable {
  private readonly standing = new Set<Standing>();
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly listening = [
    this.changed,
    vscode.window.tabGroups.onDidChangeTabs(() => this.look()),
    vscode.window.tabGroups.onDidChangeTabGroups(() => this.look()),
    vscode.commands.registerCommand('codeteam.applyShown', () => this.inFront()?.end(APPLY)),
    vscode.commands.registerCommand('codeteam.discardShown', () => this.inFront()?.end(DISCARD)),
    vscode.commands.registerCommand('codeteam.showQuestion', () => this.showAgain()),
  ];

  get count(): number {
    return this.standing.size;
  }

  /** Resolves to the answer, and to nothing when the question was closed. */
  ask(question: Question): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.begin(question, resolve);
    });
  }

  /** `window/showMessageRequest` */
  async answer(params: ShowMessageRequestParams, token: vscode.CancellationToken): Promise<MessageActionItem | null> {
    const answers = (params.actions ?? []).map(({ title }) => title);
    const title = await new Promise<string | undefined>((resolve) => {
      const standing = this.begin({ text: params.message, type: params.type, answers }, resolve);
      token.onCancellationRequested(() => standing.end(undefined));
    });
    return title === undefined ? null : { title };
  }

  /** Whoever asked is gone. */
  endAll(): void {
    for (const standing of [...this.standing]) standing.end(undefined);
  }

  dispose(): void {
    this.endAll();
    for (const listening of this.listening) listening.dispose();
  }

  private begin(question: Question, resolve: (answer: string | undefined) => void): Standing {
    const standing: Standing = {
      ...question,
      shown: 0,
      seen: question.view?.tabs().length !== 0,
      end: (answer) => {
        if (this.standing.delete(standing)) this.look();
        resolve(answer);
      },
    };
    this.standing.add(standing);
    this.look();
    this.show(standing);
    return standing;
  }

  private show(standing: Standing): void {
    standing.shown += 1;
    const showing = standing.shown;
    const { Error: error, Warning: warning } = MessageType;
    const { showErrorMessage, showWarningMessage, showInformationMessage } = vscode.window;
    const show = standing.type === error ? showErrorMessage : standing.type === warning ? showWarningMessage : showInformationMessage;
    void show(standing.text, ...standing.answers).then((answer) => {
      // to close the notification answers nothing where there is another, or where the view has the answers
      if (answer !== undefined || (showing === standing.shown && !standing.view)) standing.end(answer);
    });
  }

  private showAgain(): void {
    const newest = [...this.standing].at(-1);
    if (newest) this.show(newest);
  }

  /** The question whose view is in front, else the newest with one. */
  private inFront(): Standing | undefined {
    const withView = [...this.standing].filter(({ view }) => view);
    return withView.find(isInFront) ?? withView.at(-1);
  }

  /** What the tabs and the questions mean for each other. */
  private look(): void {
    for (const standing of [...this.standing]) {
      const isOpen = standing.view?.tabs().length !== 0;
      if (!isOpen && standing.seen) standing.end(undefined);
      standing.seen ||= isOpen;
    }
    setContext('hasQuestions', this.count > 0);
    setContext('asksInFront', [...this.standing].some(isInFront));
    this.changed.fire();
  }
}

function isInFront({ view }: Standing): boolean {
  return view?.tabs().some((tab) => tab.isActive && tab.group.isActive) ?? false;
}
