// Tests inside the extension host, run by VS Code itself (`extensionTestsPath`): what users cannot see, or would have to
// wait for. The folder is a workspace with a stub in slug.py; the team's replies are recorded.

import { writeFileSync } from 'node:fs';
import { chat } from './chat';
import { keys } from './keys';
import { preview } from './preview';
import { setUp } from './setUp';

export type Tests = Record<string, () => Promise<void>>;

/** Called by VS Code; rejects with every failure. CODETEAM_HOST_TESTS names a file for the names of what passed. */
export async function run(): Promise<void> {
  const failures: string[] = [];
  const passed: string[] = [];
  for (const [name, test] of Object.entries({ ...keys, ...chat, ...setUp, ...preview })) {
    try {
      await test();
      passed.push(name);
    } catch (error) {
      failures.push(`${name}\n${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  const report = process.env['CODETEAM_HOST_TESTS'];
  if (report) writeFileSync(report, JSON.stringify({ passed, failures }, null, 2));
  if (failures.length) throw new Error(`${failures.length} tests failed:\n${failures.join('\n\n')}`);
}
