// Rust, which jobs take from the machine that they run on: the tests do jobs in it.

import { Stop, installPackages, onPath, say } from './programs.mjs';

const PROGRAMS = ['rustc', 'cargo', 'cargo-clippy', 'clippy-driver', 'rustfmt', 'cc'];
const PACKAGES = ['rustc', 'cargo', 'rust-clippy', 'rustfmt', 'gcc', 'libc6-dev'];

/** Sees to it that it is there, by whatever means; of Debian's packages the lot, for they fit each other alone. */
export async function prepareRust() {
  if (process.platform !== 'linux' || PROGRAMS.every(onPath)) return;
  try {
    await installPackages(PACKAGES, 'The tests do jobs in Rust too');
  } catch (error) {
    // elsewhere those tests fail, and say what to install; continuous integration has no such excuse
    if (!(error instanceof Stop) || process.env.CI) throw error;
    say(`${error.message}\n${error.hint}`);
  }
}
