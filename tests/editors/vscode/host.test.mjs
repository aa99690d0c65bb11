// The tests inside the extension host (client-extension/test/host): VS Code runs them, this file tells what came of it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATIENCE, ROOT, Workbench } from './workbench.mjs';

test('inside the extension host', { timeout: 4 * PATIENCE }, async (t) => {
  const bench = await Workbench.start({ driver: true });
  try {
    const folder = join(import.meta.dirname, 'host');
    const { results, code } = await bench.runInHost('slug.py', folder, join(ROOT, 'dist', 'extension-tests', 'host.js'));
    for (const { name, error } of results) await t.test(name, () => assert.equal(error, ''));
    assert.ok(results.length > 10, 'the tests have run');
    assert.equal(code, 0);
  } catch (error) {
    await bench.keepEvidence('host');
    throw error;
  } finally {
    assert.deepEqual(await bench.stop(), [], 'nothing is left running');
  }
});
