// Choosing a model: the editor's own, the embedded ones, and the providers.

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { editorModels } from './chat';
import type { Doctor } from './doctor';
import type { Secrets } from './secrets';
import type { Server } from './server';
import { chosen, write } from './settings';

const OFFERED = 'codeteam.editorModelOffered';
const USE = 'Use It';
const CHOOSE = 'Choose…';
const ROLES = ['architectModel', 'developerModel', 'reviewerModel', 'testerModel'];

interface Provider {
  label: string;
  prefix: string;
  example: string;
  /** Environment variables of its key, the usual one first; none where it needs no key. */
  keys: string[];
  /** Environment variable of its address, where each user has another one. */
  address?: string;
}

const PROVIDERS: Provider[] = [
  { label: 'OpenAI', prefix: 'openai', example: 'gpt-4.1', keys: ['OPENAI_API_KEY'] },
  { label: 'Anthropic', prefix: 'anthropic', example: 'claude-sonnet-4-5', keys: ['ANTHROPIC_API_KEY'] },
  { label: 'Gemini', prefix: 'gemini', example: 'gemini-2.5-pro', keys: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'] },
  { label: 'Azure OpenAI', prefix: 'azure', example: 'my-deployment', keys: ['AZURE_OPENAI_API_KEY'], address: 'AZURE_OPENAI_ENDPOINT' },
  { label: 'Ollama', prefix: 'ollama', example: 'qwen2.5-coder:14b', keys: [] },
  { label: 'Any OpenAI-compatible server', prefix: 'compatible', example: 'my-model', keys: [] },
];

const EMBEDDED = [
  { spec: 'local/qwen2.5-coder-1.5b', detail: 'On this machine, no key; writes small functions (1.1 GB)' },
  { spec: 'local/qwen2.5-coder-0.5b', detail: 'On this machine, no key; smaller and weaker (0.5 GB)' },
];

interface Entry extends vscode.QuickPickItem {
  /** Undefined where the user gave up. */
  spec?: () => Promise<string | undefined> | string;
}

export class Models {
  private offering: Promise<void> | undefined;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly secrets: Secrets,
    private readonly doctor: Doctor,
    private readonly server: Server,
    private readonly log: vscode.LogOutputChannel
  ) {}

  /** The picker; writes `codeteam.model`. */
  async choose(): Promise<void> {
    const picked = await vscode.window.showQuickPick(this.entries(), {
      title: 'Codeteam: choose the model of the team',
      placeHolder: chosen('model') ? `Now: ${chosen('model')}` : 'Nothing chosen: the embedded model, or CODETEAM_MODEL',
      matchOnDescription: true,
      matchOnDetail: true,
    });
    const spec = await picked?.spec?.();
    if (spec) await this.use(spec);
  }

  /** Offers the editor's model once, where nothing else is configured and one is there. */
  async offer(): Promise<void> {
    this.offering ??= this.offerOnce().finally(() => {
      this.offering = undefined;
    });
    return this.offering;
  }

  private async offerOnce(): Promise<void> {
    if (!vscode.workspace.isTrusted || this.context.globalState.get(OFFERED)) return;
    const client = await this.server.running();
    const [model] = await editorModels();
    if (!model) return;
    const configured = this.configured(client);
    if (configured) {
      this.log.info(`the editor's models are not offered: ${configured} is chosen`);
      return;
    }
    await this.context.globalState.update(OFFERED, true);
    const text = `Codeteam would use its small embedded model. Your editor offers ${model.name}: use that one?`;
    const answer = await vscode.window.showInformationMessage(text, USE, CHOOSE);
    if (answer === USE) await this.use(`editor/${model.id}`);
    if (answer === CHOOSE) await this.choose();
  }

  /** The model that the user has chosen somewhere, in settings.toml perhaps, which the server has read; empty for none. */
  private configured(client: LanguageClient): string {
    const said = client.initializeResult?.capabilities.experimental as { codeteam?: { model?: string } } | undefined;
    const [here = ''] = ['model', ...ROLES].map(chosen).filter(Boolean);
    return here || process.env['CODETEAM_MODEL'] || said?.codeteam?.model || '';
  }

  private async use(spec: string): Promise<void> {
    await write('model', spec);
    void vscode.window.setStatusBarMessage(`Codeteam uses ${spec}`, 5000);
    await this.doctor.look();
  }

  private async entries(): Promise<Entry[]> {
    const own = await editorModels();
    return [
      heading('The editor’s models'),
      ...own.map((model) => ({
        label: model.name,
        description: `editor/${model.id}`,
        detail: `${model.vendor}, ${model.maxInputTokens.toLocaleString()} tokens`,
        spec: () => `editor/${model.id}`,
      })),
      ...(own.length ? [] : [{ label: 'None', description: 'no extension of this editor offers one' }]),
      heading('On this machine'),
      ...EMBEDDED.map(({ spec, detail }) => ({ label: spec.replace('local/', ''), description: spec, detail, spec: () => spec })),
      heading('Providers'),
      ...PROVIDERS.map((provider) => ({
        label: provider.label,
        description: `${provider.prefix}/…`,
        detail: this.keyState(provider),
        spec: () => this.nameOf(provider),
      })),
    ];
  }

  private keyState({ keys, address }: Provider): string {
    if (address && !process.env[address]) return `Needs ${address} in the environment that the editor is started in`;
    if (keys.length === 0) return 'No key needed';
    const found = keys.find((key) => process.env[key]);
    if (found) return `Key in the environment (${found})`;
    return keys.some((key) => this.secrets.has(key)) ? 'Key kept by the editor' : 'No key yet; asked for when a job needs it';
  }

  private async nameOf({ label, prefix, example, keys, address }: Provider): Promise<string | undefined> {
    if (address && !process.env[address]) {
      const where = `${label} has another address for each of its users. Set ${address} to yours, for example https://my-resource.openai.azure.com, where the editor is started, and start it again.`;
      void vscode.window.showWarningMessage(where);
      return undefined;
    }
    if (prefix === 'compatible' && !(await askBaseUrl())) return undefined;
    const name = await vscode.window.showInputBox({
      title: `Codeteam: model of ${label}`,
      prompt: `Its name, as ${label} has it`,
      value: example,
      ignoreFocusOut: true,
      validateInput: (value) => (/^\S+$/.test(value.trim()) ? undefined : 'A name without spaces is needed.'),
    });
    if (!name) return undefined;
    const [key] = keys;
    if (key && !keys.some((one) => process.env[one] || this.secrets.has(one))) await this.secrets.ask(key, label);
    return `${prefix}/${name.trim()}`;
  }
}

async function askBaseUrl(): Promise<boolean> {
  const url = await vscode.window.showInputBox({
    title: 'Codeteam: address of the server',
    prompt: 'For example http://127.0.0.1:8000/v1',
    value: chosen('baseUrl') || process.env['CODETEAM_BASE_URL'] || 'http://127.0.0.1:8000/v1',
    ignoreFocusOut: true,
    validateInput: (value) =>
      /^https?:\/\/\S+$/.test(value.trim()) ? undefined : 'An address that begins with http:// or https:// is needed.',
  });
  if (!url) return false;
  await write('baseUrl', url.trim());
  return true;
}

function heading(label: string): Entry {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
