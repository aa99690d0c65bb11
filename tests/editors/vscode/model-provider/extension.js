// Language models of the editor's, there at once or when a command brings them: one knows the recorded replies, one has used up its quota, one may not be used.
'use strict';

const { readFileSync } = require('node:fs');
const vscode = require('vscode');

const MODELS = [
  { id: 'recorded', name: 'Recorded' },
  { id: 'exhausted', name: 'Exhausted' },
  { id: 'forbidden', name: 'Forbidden' },
];

exports.activate = (context) => {
  const changed = new vscode.EventEmitter();
  let there = !process.env.CODETEAM_TEST_LATE_MODELS;
  const bring = vscode.commands.registerCommand('tests.bringModels', () => {
    there = true;
    changed.fire();
  });
  const provider = {
    onDidChangeLanguageModelChatInformation: changed.event,
    provideLanguageModelChatInformation: () =>
      MODELS.filter(() => there).map((model) => ({ ...model, family: model.id, version: '1', maxInputTokens: 100_000, maxOutputTokens: 10_000, capabilities: {} })),
    provideTokenCount: (_model, text) => String(typeof text === 'string' ? text : JSON.stringify(text)).length >> 2,
    async provideLanguageModelChatResponse(model, messages, _options, progress) {
      if (model.id === 'exhausted') throw new Error('Quota exceeded for this month.');
      if (model.id === 'forbidden') throw vscode.LanguageModelError.NoPermissions('Not allowed.');
      const asked = messages.flatMap(({ content }) => content.map((part) => part.value ?? '')).join('\n');
      const text = replyOf(/You are the (\w+) of a small software team/.exec(asked)[1]);
      for (const piece of text.match(/[^]{1,80}/g)) progress.report(new vscode.LanguageModelTextPart(piece));
    },
  };
  context.subscriptions.push(bring, vscode.lm.registerLanguageModelChatProvider('tests', provider));
};

/** The recorded reply of a role; the file is named by the environment of the test. */
function replyOf(role) {
  const text = readFileSync(process.env.CODETEAM_TEST_REPLIES, 'utf8');
  return new RegExp(`^## reply ${role}\\n\\n~~~~reply[^\\n]*\\n([^]*?)^~~~~$`, 'm').exec(text)[1];
}
