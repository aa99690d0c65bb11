// A real job whose proposal is applied at once: files on the disk, and one undo that takes all of it back.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Tests } from './suite';
import { until } from './until';

export const preview: Tests = {
  'a proposal with a new file is applied, saved, and undone in one step; its plan and its runs can be opened': async () => {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
    const file = join(folder, 'slug.py');
    const tests = join(folder, 'tests', 'test_slug.py');
    const before = readFileSync(file, 'utf8');
    const configuration = vscode.workspace.getConfiguration('codeteam');
    await configuration.update('preview', 'direct', vscode.ConfigurationTarget.Global);
    const document = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(document);
    const line = document
      .getText()
      .split('\n')
      .findIndex((text) => /\.\.\.|NotImplementedError/.test(text));
    const place = { line, character: 4 };
    const argument = { uri: document.uri.toString(), version: document.version, range: { start: place, end: place } };
    const jobId = await vscode.commands.executeCommand<string>('codeteam.implement', argument);
    assert.match(jobId, /^[a-z0-9]+$/);
    await until('edit on the disk', () => readFileSync(file, 'utf8') !== before && existsSync(tests));
    await until('saved document', () => !document.isDirty);

    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand('undo');
    await until('undone edit', () => document.getText() === before && !existsSync(tests));

    for (const [command, words] of [
      ['openPlan', '# Plan: '],
      ['openRuns', '# Runs: '],
      ['openTests', '# Tests: '],
    ] as const) {
      await vscode.commands.executeCommand(`codeteam.${command}`, { jobId });
      const shown = vscode.window.activeTextEditor?.document;
      assert.equal(shown?.uri.scheme, 'codeteam');
      assert.ok(shown?.getText().startsWith(words), shown?.getText().slice(0, 80));
    }
    await document.save();
    await configuration.update('preview', undefined, vscode.ConfigurationTarget.Global);
  },
};
