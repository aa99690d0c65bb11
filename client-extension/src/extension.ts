// The extension's parts, put together: this is the page to read first.

import * as vscode from 'vscode';
import { type LanguageClient, ShowMessageRequest } from 'vscode-languageclient/node';
import { bundle } from './bundle';
import { answerChat } from './chat';
import { registerCommands, reportOf } from './commands';
import { Doctor } from './doctor';
import { documents, SCHEME } from './documents';
import { isOfTheMachine, tellFailure, tellLost } from './failures';
import { Jobs } from './jobs';
import { JobsView } from './jobsView';
import { rememberFirstEdit, tickWhatIsDone } from './milestones';
import { Models } from './models';
import { openProposal } from './opening';
import * as protocol from './protocol';
import { Questions } from './questions';
import { Readiness } from './readiness';
import { ReportPanels } from './reportPanel';
import { Secrets } from './secrets';
import { Server } from './server';
import { StatusItem } from './status';
import { TraceChannel } from './trace';

/** Between two looks at jobs that run elsewhere. */
const LOOK_MS = 3000;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Codeteam', { log: true });
  const carried = bundle(context);
  const secrets = new Secrets(context);
  const trace = new TraceChannel(() => secrets.known());
  const jobs = new Jobs();
  const questions = new Questions();
  const connect = (client: LanguageClient) => [
    client.onNotification(protocol.job, (params) => {
      const hasFailed = params.state === 'failed' && jobs.get(params.jobId)?.state !== 'failed';
      jobs.tell(params);
      if (hasFailed) void tellFailure(params, secrets);
      if (isOfTheMachine(params)) void doctor.look();
      else if (doctor.trouble && ['proposed', 'applied', 'done'].includes(params.state)) void doctor.look();
    }),
    client.onNotification(protocol.step, (params) => jobs.tellStep(params)),
    client.onRequest(ShowMessageRequest.type, (params, token) => questions.answer(params, token)),
    client.onRequest(protocol.chat, (params, token) => answerChat(client, params, token)),
    client.onRequest(protocol.secret, (params, token) => secrets.answer(params, token)),
  ];
  const server = new Server({ context, carried, log, trace, questions, connect });
  const doctor = new Doctor(server, carried, secrets, log);
  const readiness = new Readiness(server, doctor, carried, log);
  const models = new Models(context, secrets, doctor, server, log);
  const command = (name: string) => async (jobId: string) => void (await vscode.commands.executeCommand(`codeteam.${name}`, { jobId }));
  const reports = new ReportPanels(context.extensionUri, jobs, {
    fetch: async (jobId) => reportOf(await server.running(), jobId),
    refetch: async (jobId) => {
      if (!server.now) throw new Error('The language server does not run.');
      return reportOf(server.now, jobId);
    },
    apply: command('apply'),
    rerun: command('rerun'),
    openDiff: (report, path) => openProposal({ ...report, files: report.files.filter((file) => file.path === path) }),
  });
  const readJobs = async () =>
    jobs.read(await server.running()).catch((error: unknown) => log.warn(`The history cannot be read: ${error}`));
  const readAgain = async () => server.now && readJobs();
  const watching = setInterval(() => jobs.hasElsewhere() && quietly(readAgain()), LOOK_MS);
  const begin = async () => {
    await server.running();
    await doctor.look();
    await models.offer();
  };
  const quietly = (work: Promise<unknown>) => void work.catch((error: unknown) => log.error(String(error)));
  context.subscriptions.push(
    log,
    trace,
    jobs,
    questions,
    server,
    doctor,
    reports,
    new JobsView(jobs, server),
    rememberFirstEdit(jobs, context.globalState),
    tickWhatIsDone(),
    new StatusItem(server, jobs, doctor, questions),
    registerCommands({ storage: context.globalStorageUri, server, jobs, readiness, doctor, models, secrets, reports, log }),
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, documents),
    server.onDidChange((state) => {
      if (state.is === 'running') return quietly(readJobs());
      const lost = jobs.lost();
      if (state.is === 'stopped' && state.why && lost.length) void tellLost(lost);
    }),
    vscode.workspace.onDidChangeWorkspaceFolders(() => quietly(readAgain())),
    vscode.Disposable.from({ dispose: () => clearInterval(watching) }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => quietly(trustGranted())),
    vscode.lm.onDidChangeChatModels(() => quietly(models.offer())), // an extension that brings some may start later
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('codeteam.pythonPath')) quietly(server.restart());
      else if (event.affectsConfiguration('codeteam')) quietly(doctor.look());
    })
  );
  quietly(begin());

  async function trustGranted(): Promise<void> {
    const client = await server.running();
    await client.sendNotification(protocol.trust, { trusted: true });
    await readJobs(); // what can be done with them now
    await doctor.look();
    await models.offer();
  }
}
