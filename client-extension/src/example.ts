// The first example: a stub whose docstring says what is wanted, to try an action on.

import * as vscode from 'vscode';

const NAME = 'first_steps.py';
const TEXT = `"""Your first proven edit: put the cursor on the function, open the lightbulb, choose "Codeteam: implement slug"."""


def slug(text: str) -> str:
    """Return the text in lower case, with its words joined by hyphens.

    >>> slug("Hello World")
    'hello-world'
    >>> slug("  Many   spaces ")
    'many-spaces'
    >>> slug("")
    ''
    """
    raise NotImplementedError
`;
/** The line of `raise`. */
const STUB = 13;

const AFRESH = 'Start Afresh';

/** Opens the example in a folder of the extension's own, as it was left the last time; it can be started afresh then. */
export async function openExample(storage: vscode.Uri): Promise<void> {
  const folder = vscode.Uri.joinPath(storage, 'example');
  const file = vscode.Uri.joinPath(folder, NAME);
  await vscode.workspace.fs.createDirectory(folder);
  const there = await vscode.workspace.fs.stat(file).then(
    () => true,
    () => false
  );
  if (!there) await vscode.workspace.fs.writeFile(file, Buffer.from(TEXT));
  const document = await vscode.workspace.openTextDocument(file);
  await show(document);
  if (document.getText() !== TEXT) void offerAfresh(file);
}

async function show(document: vscode.TextDocument): Promise<void> {
  const cursor = document.validateRange(new vscode.Range(STUB, 4, STUB, 4));
  const there = vscode.window.visibleTextEditors.find((editor) => editor.document === document)?.viewColumn;
  await vscode.window.showTextDocument(document, { selection: cursor, viewColumn: there ?? vscode.ViewColumn.Beside });
}

/** Puts the stub back by an edit, which can be undone, once the user has said so. */
async function offerAfresh(uri: vscode.Uri): Promise<void> {
  const told = 'The example is as you left it.';
  if ((await vscode.window.showInformationMessage(told, AFRESH)) !== AFRESH) return;
  const document = await vscode.workspace.openTextDocument(uri); // it may have been closed since
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, new vscode.Range(0, 0, document.lineCount, 0), TEXT);
  await vscode.workspace.applyEdit(edit);
  await document.save();
  await show(document);
}
