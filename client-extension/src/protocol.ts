// What the server and this extension say to each other beyond the Language Server Protocol: docs/protocol.md,
// section "Custom messages", as types. A test compares the two, and both with what the server sends.

import { NotificationType, RequestType } from 'vscode-languageclient/node';

export type Intent = 'implement' | 'fix' | 'refactor' | 'document' | 'test' | 'review';
export type Quality = 'draft' | 'reviewed' | 'tested' | 'production';

/** Where a job of this session stands. */
export type JobState = 'queued' | 'running' | 'proposed' | 'applied' | 'kept' | 'done' | 'failed' | 'cancelled';
/** Where a job of the history stands; the last three are of earlier sessions. */
export type PastState = JobState | 'accepted' | 'below' | 'interrupted';
export type StepState = 'running' | 'done' | 'failed' | 'cancelled';
export type JobStatus = 'accepted' | 'below' | 'failed' | 'cancelled';

/** Why a job ended as it did, for the user: what happened, and what to do. */
export interface Trouble {
  kind: string;
  message: string;
  hint: string;
}

/** Answer of every `codeteam.*` command. */
export interface CommandAnswer {
  jobId: string;
}

export interface TrustParams {
  trusted: boolean;
}

/** A job changed. */
export interface JobParams {
  jobId: string;
  uri: string;
  intent: Intent;
  title: string;
  state: JobState;
  step: string;
  iteration: number;
  message: string;
  quality: Quality | null;
  stoppedBy: string;
  tokens: number;
  cost: number | null;
  /** Since the job began. */
  seconds: number;
  canApply: boolean;
  error: Trouble | null;
}

/** A role's turn began or ended. */
export interface StepParams {
  jobId: string;
  /** Counts a job's steps from 0. */
  number: number;
  role: string;
  iteration: number;
  /** `failed` is a gate that sent the draft back, or the step that ended the job. */
  state: StepState;
  /** What an executor's step ran: `run`, `examples`, `static`, `tests` or `stub`; empty for the others. */
  purpose: string;
  message: string;
  /** 0 while it runs, as are the tokens. */
  seconds: number;
  tokens: number;
}

export interface JobsParams {
  limit?: number;
  workspaces?: string[];
}

export interface JobsAnswer {
  jobs: PastJob[];
}

/** A job of the history. */
export interface PastJob {
  jobId: string;
  /** Seconds since 1970. */
  created: number;
  intent: Intent;
  title: string;
  workspace: string;
  /** Empty where the job had no document. */
  uri: string;
  state: PastState;
  quality: Quality | null;
  seconds: number;
  tokens: number;
  canApply: boolean;
  canRerun: boolean;
}

export interface JobReportParams {
  jobId: string;
}

/** All that is known of one job, running or ended. */
export interface JobReport {
  job: PastJob;
  requirement: string;
  models: string[];
  plan: ReportPlan | null;
  steps: ReportStep[];
  iterations: ReportIteration[];
  runs: ReportRun[];
  tests: ReportTests | null;
  testFiles: ReportText[];
  files: ReportFile[];
  findings: ReportFinding[];
  gates: ReportGate[];
  quality: Quality | null;
  status: JobStatus | null;
  stoppedBy: string;
  summary: string;
  notes: string[];
  image: string;
  usage: ReportUsage;
  seconds: number;
  error: Trouble | null;
}

export interface ReportPlan {
  attempt: number;
  approach: string;
  files: ReportPlannedFile[];
  dependencies: string[];
  criteria: string[];
}

export interface ReportPlannedFile {
  path: string;
  purpose: string;
  interface: string;
}

export type ReportStep = Omit<StepParams, 'jobId'>;

export interface ReportText {
  path: string;
  text: string;
}

export interface ReportIteration {
  number: number;
  explanation: string;
  files: ReportText[];
  sentBack: ReportSentBack | null;
  stalled: string;
}

export interface ReportSentBack {
  gate: string;
  text: string;
}

export interface ReportRun {
  iteration: number;
  /** As a step's, or `blind`, `turned` or `tidy`; `stub` and `turned` must fail. */
  purpose: string;
  argv: string[];
  exitCode: number | null;
  timedOut: boolean;
  outOfMemory: boolean;
  seconds: number;
  output: string;
}

export interface ReportTests {
  passed: number;
  failed: number;
  errors: number;
  skipped: number;
  /** In percent, null where it was not measured. */
  coverage: number | null;
  problem: string;
  cases: ReportCase[];
}

export interface ReportCase {
  name: string;
  outcome: string;
  message: string;
}

/** A file of the proposal. */
export interface ReportFile {
  path: string;
  /** Null for a new file. */
  before: string | null;
  after: string;
  isNew: boolean;
}

export interface ReportFinding {
  rule: string;
  severity: string;
  path: string;
  /** Lines count from 1, both ends included. */
  startLine: number;
  endLine: number;
  quote: string;
  message: string;
  trigger: string;
  suggestion: string;
  confidence: number;
  fingerprint: string;
}

export interface ReportGate {
  name: string;
  passed: boolean;
  detail: string;
}

export interface ReportUsage {
  calls: number;
  promptTokens: number;
  completionTokens: number;
  cost: number | null;
}

/** The server asks one of the editor's own models. */
export interface ChatParams {
  chatId: string;
  jobId: string;
  /** Empty for the one that the user has chosen or the editor prefers. */
  model: string;
  messages: ChatMessage[];
  temperature: number;
  label: string;
}

export interface ChatMessage {
  role: 'user' | 'assistant';
  text: string;
}

export interface ChatAnswer {
  text: string;
  model: string;
  promptTokens: number | null;
  completionTokens: number | null;
}

/** What the model said since the last part. */
export interface ChatPartParams {
  chatId: string;
  text: string;
}

/** In the `data` of the error that refuses a `codeteam/chat`. */
export interface ChatRefusal {
  kind: 'consent' | 'quota' | 'not_found' | 'blocked' | 'cancelled' | 'failed';
  message: string;
}

/** The server needs a key for one job. */
export interface SecretParams {
  jobId: string;
  /** The environment variable, for example `OPENAI_API_KEY`. */
  name: string;
  /** The provider as users know it. */
  label: string;
  /** Of the user's own server, which a key is kept for; empty for a provider's. */
  address: string;
}

export interface SecretAnswer {
  value: string | null;
}

export const trust = new NotificationType<TrustParams>('codeteam/trust');
export const job = new NotificationType<JobParams>('codeteam/job');
export const step = new NotificationType<StepParams>('codeteam/step');
export const jobs = new RequestType<JobsParams, JobsAnswer, void>('codeteam/jobs');
export const jobReport = new RequestType<JobReportParams, JobReport, void>('codeteam/jobReport');
export const chat = new RequestType<ChatParams, ChatAnswer, ChatRefusal>('codeteam/chat');
export const chatPart = new NotificationType<ChatPartParams>('codeteam/chatPart');
export const secret = new RequestType<SecretParams, SecretAnswer, void>('codeteam/secret');
