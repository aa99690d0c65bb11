// What came of a job, in one sentence and one tone.

import type { JobReport } from '../protocol';
import { count, firstLine, gateName, isGoing } from './words';

export interface Verdict {
  tone: 'good' | 'poor' | 'bad' | 'none';
  title: string;
  /** Why, in a sentence or two. */
  why: string;
}

export function verdictOf(report: JobReport): Verdict {
  const { error, status, quality } = report;
  if (error) {
    const title = error.kind === 'interrupted' ? 'Interrupted' : 'Failed';
    return { tone: 'bad', title, why: `${error.message} ${error.hint}`.trim() };
  }
  if (status === 'cancelled') return { tone: 'none', title: 'Cancelled', why: 'The job was stopped before it had a result.' };
  if (status === 'below') {
    const earned = quality ? `only ${quality}` : 'it does not run';
    return { tone: 'poor', title: `Below what was asked: ${earned}`, why: lacks(report) };
  }
  if (status === 'accepted') return accepted(report);
  return { tone: 'none', title: isGoing(report) ? 'At work' : 'No result yet', why: going(report) };
}

function accepted(report: JobReport): Verdict {
  if (report.job.intent === 'review') {
    const number = report.findings.length;
    return number
      ? { tone: 'poor', title: count(number, 'finding'), why: 'The code was read and checked; nothing was changed.' }
      : { tone: 'good', title: 'Nothing to report', why: 'The static checks and the reviewer found nothing; nothing was changed.' };
  }
  return { tone: 'good', title: `Accepted: ${report.quality ?? 'done'}`, why: proof(report) };
}

function proof({ tests, iterations }: JobReport): string {
  const tested = tests && tests.passed > 0 ? `${count(tests.passed, 'test')} passed in the sandbox` : 'It ran in the sandbox';
  const back = iterations.filter(({ sentBack }) => sentBack).length;
  return `${tested}; ${back ? `sent back ${back === 1 ? 'once' : `${back} times`} on the way` : 'the first draft held'}.`;
}

function going(report: JobReport): string {
  const step = report.steps.at(-1);
  return step ? `${step.iteration ? `Draft ${step.iteration}, ` : ''}${step.role}: ${firstLine(step.message)}` : 'It waits for its turn.';
}

/** What stands between the proposal and what was asked: the limit that ended the job first, then what the draft lacks. */
function lacks({ gates, stoppedBy }: JobReport): string {
  const failed = gates.filter(({ passed }) => !passed).map(({ name, detail }) => `${gateName(name)}: ${firstLine(detail, 200)}`);
  const words = failed.reverse().join('. ') || firstLine(stoppedBy, 400);
  return words && !/[.!?…]$/.test(words) ? `${words}.` : words;
}
