// The tests inside the extension host: VS Code runs `host/tests.js`, this file tells what came of it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATIENCE, Workbench } from './workbench.mjs';

test('inside the extension host', { timeout: 4 * PATIENCE }, async (t) => {
  const bench = await Workbench.start({ driver: true });
  try {
    const folder = join(import.meta.dirname, 'host');
    const { results, code } = await bench.runInHost('slug.py', folder, join(folder, 'tests.js'));
    for (const { name, error } of results) await t.test(name, () => assert.equal(error, ''));
    assert.ok(results.length > 5, 'the tests have run');
    assert.equal(code, 0);
  } catch (error) {
    await bench.keepEvidence('host');
    throw error;
  } finally {
    assert.deepEqual(await bench.stop(), [], 'nothing is left running');
  }
});
