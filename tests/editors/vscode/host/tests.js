// Run by VS Code inside its extension host, beside the packaged extension: what no user sees at once, and every user relies on.
'use strict';

const assert = require('node:assert/strict');
const vscode = require('vscode');

const extension = () => vscode.extensions.getExtension('codeteam.codeteam');
const contributed = () => extension().packageJSON.contributes;
const properties = () => Object.assign({}, ...[contributed().configuration].flat().map((section) => section.properties));

const TESTS = {
  async 'the extension is the packaged one, and starts'() {
    assert.ok(extension(), 'it is installed');
    await extension().activate();
    assert.ok(extension().isActive);
    assert.ok(!extension().packageJSON.isUnderDevelopment);
  },

  async 'every command of the manifest is registered, and no other of its own'() {
    const registered = (await vscode.commands.getCommands(true)).filter((name) => /^codeteam\.\w+$/.test(name));
    const named = contributed().commands.map(({ command }) => command);
    assert.deepEqual(named.filter((name) => !registered.includes(name)), []);
    const views = Object.values(contributed().views).flat().map(({ id }) => id);
    const ofFindings = ['codeteam.applySuggestion', 'codeteam.dismiss']; // they mean nothing without one
    const own = registered.filter((name) => ![...named, ...ofFindings].includes(name) && !views.some((view) => name.startsWith(view)));
    assert.deepEqual(own, [], 'what is registered can be found in the palette');
  },

  'every setting is described, has a default that fits, and a scope'() {
    const configuration = vscode.workspace.getConfiguration();
    for (const [name, { type, default: standard, scope, enum: choices, enumDescriptions, ...words }] of Object.entries(properties())) {
      assert.ok(words.description || words.markdownDescription, `${name} has a description`);
      assert.ok(scope, `${name} has a scope`);
      assert.ok([type].flat().includes(typeof standard === 'number' && Number.isInteger(standard) && type !== 'number' ? 'integer' : typeof standard), `${name}: ${standard}`);
      assert.deepEqual(configuration.inspect(name).defaultValue, standard, name);
      if (choices) assert.ok(choices.includes(standard), `${name}: ${standard} is a choice`);
      if (enumDescriptions) assert.equal(enumDescriptions.length, choices.length, name);
    }
  },

  async 'its keys collide with none of the editor’s'() {
    const text = (await vscode.workspace.openTextDocument(vscode.Uri.parse('vscode://defaultsettings/keybindings.json'))).getText();
    const taken = [...text.matchAll(/"key": "([^"]+)",\s*"command": "([^"]+)"/g)].map(([, key, command]) => ({ key, command }));
    assert.ok(taken.length > 300, `${taken.length} keys of the editor's`);
    const own = new Set(contributed().keybindings.map(({ key }) => key));
    assert.equal(own.size, contributed().keybindings.length, 'each key once');
    for (const key of own) {
      const [chord] = key.split(' ');
      const others = taken.filter((one) => !one.command.startsWith('codeteam.') && (one.key === key || one.key === chord));
      assert.deepEqual(others, [], key);
    }
  },

  'keys of providers have no setting'() {
    assert.deepEqual(Object.keys(properties()).filter((name) => /key|secret|token(?!s)/i.test(name)), []);
  },

  async 'the menu of code actions comes at once, and runs nothing'() {
    const [folder] = vscode.workspace.workspaceFolders;
    const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder.uri, 'slug.py'));
    await vscode.window.showTextDocument(document);
    const place = new vscode.Range(5, 4, 5, 4);
    const ask = () => vscode.commands.executeCommand('vscode.executeCodeActionProvider', document.uri, place);
    let titles = [];
    for (const end = Date.now() + 120_000; !titles.length && Date.now() < end; ) {
      titles = (await ask()).map(({ title }) => title).filter((title) => title.startsWith('Codeteam'));
    }
    assert.ok(titles.includes('Codeteam: implement slug'), titles.join(', '));
    assert.ok(!document.isDirty);
  },

  async 'what is no code is offered as a requirement'() {
    const [folder] = vscode.workspace.workspaceFolders;
    const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder.uri, 'wishes.md'));
    const actions = await vscode.commands.executeCommand('vscode.executeCodeActionProvider', document.uri, new vscode.Range(2, 0, 2, 40));
    assert.ok(actions.some(({ title }) => title === 'Codeteam: implement the selected requirement'), actions.map(({ title }) => title).join(', '));
  },
};

exports.run = async () => {
  let failed = 0;
  for (const [name, check] of Object.entries(TESTS)) {
    const result = { name, error: '' };
    try {
      await check();
    } catch (error) {
      result.error = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
      failed += 1;
    }
    console.log(`codeteam-test ${JSON.stringify(result)}`);
  }
  if (failed) throw new Error(`${failed} tests failed`);
};
