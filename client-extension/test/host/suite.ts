// Tests inside the extension host, run by VS Code itself (`extensionTestsPath`), beside the packaged extension: what users
// cannot see, or would have to wait for. The folder is a workspace with a stub in slug.py; the team's replies are recorded.

import { writeFileSync } from 'node:fs';
import { chat } from './chat';
import { keys } from './keys';
import { manifest } from './manifest';
import { menu } from './menu';
import { moving } from './moving';
import { past } from './past';
import { place } from './place';
import { preview } from './preview';
import { serving } from './serving';
import { setUp } from './setUp';
import { trace } from './traced';

export type Tests = Record<string, () => Promise<void>>;

interface Result {
  name: string;
  /** Empty where it passed. */
  error: string;
}

/** Called by VS Code; rejects when a test fails. CODETEAM_HOST_TESTS names a file for what each told so far. */
export async function run(): Promise<void> {
  const results: Result[] = [];
  for (const [name, test] of Object.entries({
    ...manifest,
    ...keys,
    ...chat,
    ...past,
    ...menu,
    ...place,
    ...moving,
    ...setUp,
    ...serving,
    ...preview,
    ...trace,
  })) {
    const error = await test().then(
      () => '',
      (reason: unknown) => (reason instanceof Error ? `${reason.message}\n${reason.stack}` : String(reason))
    );
    results.push({ name, error });
    writeFileSync(process.env['CODETEAM_HOST_TESTS'] ?? '', JSON.stringify(results));
  }
  const failed = results.filter(({ error }) => error);
  if (failed.length) throw new Error(`${failed.length} tests failed`);
}
