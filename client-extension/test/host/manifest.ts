// The manifest as VS Code has taken it: commands, settings, and that it is the package's.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { Tests } from './suite';

interface Setting {
  type: string | string[];
  default: string | number | boolean;
  scope?: string;
  description?: string;
  markdownDescription?: string;
  enum?: unknown[];
  enumDescriptions?: string[];
}

interface Manifest {
  contributes: {
    commands: { command: string }[];
    configuration: { properties: Record<string, Setting> }[];
    views: Record<string, { id: string }[]>;
  };
  isUnderDevelopment?: boolean;
}

/** What means nothing without a finding, and is in no menu but the lightbulb's. */
const OF_FINDINGS = ['codeteam.applySuggestion', 'codeteam.dismiss'];

function extension(): vscode.Extension<unknown> {
  const found = vscode.extensions.getExtension('codeteam.codeteam');
  assert.ok(found, 'it is installed');
  return found;
}

function manifestOf(): Manifest {
  return extension().packageJSON as Manifest;
}

function settings(): [string, Setting][] {
  return manifestOf().contributes.configuration.flatMap(({ properties }) => Object.entries(properties));
}

function typeOf(value: unknown, setting: Setting): string {
  return [setting.type].flat().includes('integer') && Number.isInteger(value) ? 'integer' : typeof value;
}

export const manifest: Tests = {
  'the extension is the packaged one, and starts': async () => {
    await extension().activate();
    assert.ok(extension().isActive);
    assert.ok(!manifestOf().isUnderDevelopment);
  },

  'every command of the manifest can be run, and no other is hidden from the palette': async () => {
    const { commands, views } = manifestOf().contributes;
    const there = (await vscode.commands.getCommands(true)).filter((name) => /^codeteam\.\w+$/.test(name));
    const named = commands.map(({ command }) => command);
    assert.deepEqual(
      named.filter((name) => !there.includes(name)),
      []
    );
    const ofViews = Object.values(views)
      .flat()
      .map(({ id }) => id);
    const known = [...named, ...OF_FINDINGS];
    assert.deepEqual(
      there.filter((name) => !known.includes(name) && !ofViews.includes(name)),
      []
    );
  },

  'every setting is described, has a default that fits, and a scope': async () => {
    const configuration = vscode.workspace.getConfiguration();
    assert.ok(settings().length > 20);
    for (const [name, setting] of settings()) {
      assert.ok(setting.description || setting.markdownDescription, `${name} has a description`);
      assert.ok(setting.scope, `${name} has a scope`);
      assert.ok([setting.type].flat().includes(typeOf(setting.default, setting)), `${name}: ${setting.default}`);
      assert.deepEqual(configuration.inspect(name)?.defaultValue, setting.default, name);
      if (setting.enum) assert.ok(setting.enum.includes(setting.default), `${name}: ${setting.default} is a choice`);
      if (setting.enumDescriptions) assert.equal(setting.enumDescriptions.length, setting.enum?.length, name);
    }
  },

  'keys of providers have no setting': async () => {
    assert.deepEqual(
      settings().filter(([name]) => /key|secret|token(?!s)/i.test(name)),
      []
    );
  },
};
