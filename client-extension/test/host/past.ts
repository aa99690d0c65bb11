// A job of the command line, which the editor finds in the history: it runs again on a document that nobody has open, and
// its own proposal is applied.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import type { Tests } from './suite';
import { until } from './until';

export const past: Tests = {
  'a job of the command line runs again though its document is closed, and what it proposed is applied': async () => {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
    const file = join(folder, 'slug.py');
    const tests = join(folder, 'tests', 'test_slug.py');
    const before = readFileSync(file, 'utf8');
    const configuration = vscode.workspace.getConfiguration('codeteam');
    const python = process.env['CODETEAM_WORKER_PYTHON'] ?? '';
    const asked = ['--file', 'slug.py:4-6', '--workspace', folder, '--model', configuration.get<string>('model') ?? '', '--json'];
    const { stdout } = await promisify(execFile)(python, ['-m', 'codeteam', 'run', ...asked], { cwd: folder });
    const { job: jobId, status } = JSON.parse(stdout) as { job: string; status: string };
    assert.equal(status, 'accepted');
    assert.equal(readFileSync(file, 'utf8'), before);
    const isOpen = () => vscode.workspace.textDocuments.some(({ uri }) => uri.fsPath === file);
    const applied = () => readFileSync(file, 'utf8') !== before && existsSync(tests);
    const takenBack = async () => {
      const document = await vscode.workspace.openTextDocument(file);
      await until('saved document', () => !document.isDirty);
      await vscode.window.showTextDocument(document);
      await vscode.commands.executeCommand('undo');
      await until('undone edit', () => document.getText() === before && !existsSync(tests));
      await document.save();
    };
    await configuration.update('preview', 'direct', vscode.ConfigurationTarget.Global);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await until('closed document', () => !isOpen());

    await vscode.commands.executeCommand('codeteam.rerun', { jobId });
    assert.equal(vscode.window.activeTextEditor?.document.uri.fsPath, file, 'what the job is about is before the user');
    await until('edit of the second job', applied);
    await takenBack();

    await vscode.commands.executeCommand('codeteam.apply', { jobId });
    await until('edit of the first job', applied);
    await takenBack();
    await configuration.update('preview', undefined, vscode.ConfigurationTarget.Global);
  },
};
