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

/** Opens the example in a folder of the extension's own, as it was left the last time. */
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
  const cursor = document.validateRange(new vscode.Range(STUB, 4, STUB, 4));
  await vscode.window.showTextDocument(document, { selection: cursor, viewColumn: vscode.ViewColumn.Beside });
}
