// Why no action can run here, as an entry of the menu: VS Code leaves out of the plain menu (Ctrl+.) what is disabled,
// and shows it, with its reason, in the refactor menu alone.

import * as vscode from 'vscode';

/** How the server begins to say that a document is empty, which is no fault of the machine. */
const NOTHING_THERE = 'There is nothing';

type Actions = (vscode.Command | vscode.CodeAction)[] | null | undefined;

/** The actions, and where all of ours are disabled for one reason, an entry that says it and leads to what can be done. */
export function withReason(actions: Actions, context: vscode.CodeActionContext): Actions {
  if (!actions || context.only || context.triggerKind !== vscode.CodeActionTriggerKind.Invoke) return actions;
  const reasons = actions.map((action) => ('disabled' in action ? action.disabled?.reason : undefined));
  const [reason] = reasons;
  if (!reason || reason.startsWith(NOTHING_THERE) || reasons.some((other) => other !== reason)) return actions;
  const entry = new vscode.CodeAction(`Codeteam: ${firstSentence(reason)}`, vscode.CodeActionKind.RefactorRewrite);
  entry.command = vscode.workspace.isTrusted
    ? { title: 'Check This Machine', command: 'codeteam.checkMachine' }
    : { title: 'Manage Trust', command: 'workbench.trust.manage' };
  return [...actions, entry];
}

function firstSentence(text: string): string {
  return text.split(/(?<=[.:!?])\s/, 1)[0]?.replace(/[.:]$/, '') ?? text;
}
