// The editor's errors about its models, in plain words and with the kind that the server knows.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { explained } from '../../src/chat';
import type { Tests } from './suite';

export const chat: Tests = {
  'each refusal has its kind and says what to do': async () => {
    const { Blocked, NoPermissions, NotFound } = vscode.LanguageModelError;
    const cases: [unknown, string, RegExp][] = [
      [NoPermissions('no'), 'consent', /allow/i],
      [NotFound('gone'), 'not_found', /Choose another/],
      [Blocked('off limits'), 'blocked', /off limits/],
      [Blocked('You have exceeded your monthly quota'), 'quota', /used up.*Choose Model/],
      [new Error('Request failed', { cause: new Error('429 Too Many Requests') }), 'quota', /used up/],
      [new vscode.CancellationError(), 'cancelled', /cancelled/],
      [new Error('socket hang up'), 'failed', /socket hang up\.$/],
      ['words', 'failed', /words\.$/],
    ];
    for (const [error, kind, words] of cases) {
      const refusal = explained(error);
      assert.equal(refusal.data?.kind, kind, String(error));
      assert.match(refusal.data?.message ?? '', words);
      assert.equal(refusal.message, refusal.data?.message);
    }
  },

  'a request that was withdrawn is cancelled, whatever the model says of it': async () => {
    const source = new vscode.CancellationTokenSource();
    source.cancel();
    assert.equal(explained(new Error('aborted'), source.token).data?.kind, 'cancelled');
  },
};
