// Figures and states as people read them.

import type { PastState, ReportRun, StepState } from './protocol';

export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function tokens(count: number): string {
  if (count < 1000) return `${count} tokens`;
  return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)}k tokens`;
}

export function cost(dollars: number): string {
  return dollars === 0 ? '' : `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`;
}

const STATES: Record<PastState, string> = {
  queued: 'waiting',
  running: 'running',
  proposed: 'proposed',
  applied: 'applied',
  kept: 'kept, not applied',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  accepted: 'accepted',
  below: 'below the quality asked for',
  interrupted: 'interrupted',
};

const STEP_STATES: Record<StepState, string> = { running: 'at work', done: 'done', failed: 'sent back', cancelled: 'cancelled' };

export function state(of: PastState): string {
  return STATES[of] ?? of;
}

export function stepState(of: StepState): string {
  return STEP_STATES[of] ?? of;
}

const PURPOSES: Record<string, string> = {
  run: 'run',
  examples: 'examples',
  static: 'checks',
  tests: 'tests',
  stub: 'tests without code',
  blind: 'tests without what they expect',
  turned: 'tests turned round',
  tidy: 'tidying',
};

/** What a run, or an executor's step, was for. */
export function purpose(of: string): string {
  return PURPOSES[of] ?? of;
}

/** By the purpose of runs that prove something by failing, what they fail against. */
const MUST_FAIL: Record<string, string> = {
  stub: 'against an empty implementation',
  turned: 'with what it expects turned round',
};

/** How a run ended, and whether that is what it should. */
export function outcome(run: ReportRun): { words: string; good: boolean } {
  if (run.timedOut) return { words: 'stopped, its time was over', good: false };
  if (run.outOfMemory) return { words: 'killed, it used too much memory', good: false };
  const ended = run.exitCode !== null && run.exitCode < 0 ? `ended by signal ${-run.exitCode}` : `exit code ${run.exitCode ?? 'unknown'}`;
  const passed = run.exitCode === 0;
  const against = MUST_FAIL[run.purpose];
  if (!against) return { words: ended, good: passed };
  return { words: passed ? `passes ${against}` : `fails ${against}, as it must`, good: !passed };
}

/** The command in an advice such as "Start it: sudo systemctl start docker"; empty where there is none. */
export function commandIn(mend: string): string {
  const found =
    /(?:^|: )((?:sudo|docker|codeteam|pip|uv|ollama|mv|systemctl|service|rc-service|usermod|apt-get|apk|dnf|pacman|zypper|brew|winget|open|curl)\s.*)$/.exec(
      mend.trim()
    );
  return found?.[1]?.replace(/\.$/, '') ?? '';
}
