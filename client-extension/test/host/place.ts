// Where the paths of a job lead.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { uriOf } from '../../src/place';
import type { Tests } from './suite';

const DOCUMENT = vscode.Uri.file('/notes/first_steps.py').toString();

export const place: Tests = {
  'a path of a job leads into its folder, beside its document, or nowhere': async () => {
    const led = (workspace: string, uri: string, path: string) => uriOf({ workspace, uri }, path)?.path;
    assert.equal(led('/w', DOCUMENT, 'src/a.py'), '/w/src/a.py');
    assert.equal(led('', DOCUMENT, 'tests/test_a.py'), '/notes/tests/test_a.py');
    assert.equal(led('', DOCUMENT, '/notes/a.py'), '/notes/a.py');
    assert.equal(led('', '', 'a.py'), undefined);
  },
};
