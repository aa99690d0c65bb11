// The script of the report's page: tabs, folding, filters, and what the extension is asked to do.

interface Memory {
  job: string;
  tab: string;
  /** Folds that the user has moved, by key. */
  open: Record<string, boolean>;
  /** Severities that are filtered out. */
  hidden: string[];
  scroll: number;
  /** How far, from the left and from the top, parts of the page were scrolled, by name. */
  scrolled: Record<string, [number, number]>;
  /** What had the focus. */
  focus: string;
}

declare function acquireVsCodeApi(): { postMessage(message: unknown): void; getState(): unknown; setState(state: unknown): void };

const api = acquireVsCodeApi();
const job = document.body.dataset['job'] ?? '';
const memory: Memory = { job, tab: '', open: {}, hidden: [], scroll: 0, scrolled: {}, focus: '', ...remembered() };

/** What was remembered of this very job: the page is made anew while the job runs. */
function remembered(): Partial<Memory> {
  const state = api.getState() as Partial<Memory> | undefined;
  return state?.job === job ? state : {};
}

function remember(): void {
  api.setState(memory);
}

function all<T extends Element>(selector: string, within: ParentNode = document): T[] {
  return [...within.querySelectorAll<T>(selector)];
}

const tabs = all<HTMLElement>('[role=tab]');

function show(tab: HTMLElement, focus: boolean): void {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute('aria-selected', String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute('aria-controls') ?? '')?.toggleAttribute('hidden', !chosen);
  }
  if (focus) tab.focus();
  memory.tab = tab.id;
  remember();
}

function onTabKey(event: KeyboardEvent, tab: HTMLElement): void {
  const at = tabs.indexOf(tab);
  const steps: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 };
  const next = tabs[(steps[event.key] ?? -1) % tabs.length];
  if (!next) return;
  event.preventDefault();
  show(next, true);
}

/** Opens what is folded around an element, and goes there. */
function goTo(id: string): void {
  const target = document.getElementById(id);
  const panel = target?.closest('[role=tabpanel]');
  const tab = tabs.find((button) => button.getAttribute('aria-controls') === panel?.id);
  if (!target || !tab) return;
  show(tab, false);
  if (target instanceof HTMLDetailsElement) target.open = true;
  target.scrollIntoView({ block: 'start' });
  target.querySelector('summary')?.focus({ preventScroll: true });
}

function filter(): void {
  for (const button of all<HTMLElement>('[data-filter]')) {
    button.setAttribute('aria-pressed', String(!memory.hidden.includes(button.dataset['filter'] ?? '')));
  }
  const findings = all<HTMLElement>('[data-severity]');
  for (const finding of findings) finding.hidden = memory.hidden.includes(finding.dataset['severity'] ?? '');
  const none = document.getElementById('all-filtered');
  if (none) none.hidden = findings.some((finding) => !finding.hidden);
}

function toggleFilter(severity: string): void {
  memory.hidden = memory.hidden.includes(severity) ? memory.hidden.filter((name) => name !== severity) : [...memory.hidden, severity];
  filter();
  remember();
}

function ask({ command, path, line }: DOMStringMap): void {
  if (command === 'openFile') api.postMessage({ command, path, line: Number(line) });
  else if (command === 'openDiff') api.postMessage({ command, path });
  else if (command === 'apply' || command === 'rerun') api.postMessage({ command });
}

function onClick(event: Event): void {
  const target = event.target instanceof Element ? event.target.closest<HTMLElement>('button') : null;
  if (!target) return;
  const { command, fold, open, filter: severity, goto } = target.dataset;
  if (target.role === 'tab' || target.getAttribute('role') === 'tab') show(target, true);
  else if (command) ask(target.dataset);
  else if (severity) toggleFilter(severity);
  else if (goto) goTo(goto);
  else if (fold) for (const details of all<HTMLDetailsElement>(`#${fold} details`)) details.open = open === 'true';
}

function onKey(event: KeyboardEvent): void {
  const tab = event.target instanceof Element ? event.target.closest<HTMLElement>('[role=tab]') : null;
  if (tab) onTabKey(event, tab);
}

/** Attributes by which elements of one place are told apart. */
const TELLING = ['aria-label', 'data-command', 'data-path', 'data-line', 'data-filter', 'data-goto', 'data-open'];

/** A name of an element that is the same when the page is made anew. */
function nameOf(element: Element): string {
  if (element === document.body) return 'body';
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element instanceof HTMLElement && element.dataset['key']) return `[data-key="${CSS.escape(element.dataset['key'])}"]`;
  const around = nameOf(element.parentElement?.closest('[data-key], [id]') ?? document.body);
  const told = TELLING.filter((name) => element.hasAttribute(name));
  const tag = element.tagName.toLowerCase();
  return `${around} ${tag}${told.map((name) => `[${name}="${CSS.escape(element.getAttribute(name) ?? '')}"]`).join('')}`;
}

function restore(): void {
  const tab = tabs.find(({ id }) => id === memory.tab);
  if (tab) show(tab, false);
  for (const details of all<HTMLDetailsElement>('details[data-key]')) {
    const was = memory.open[details.dataset['key'] ?? ''];
    if (was !== undefined) details.open = was;
  }
  filter();
  for (const [name, [left, top]] of Object.entries(memory.scrolled)) document.querySelector(name)?.scrollTo(left, top);
  if (memory.focus) document.querySelector<HTMLElement>(memory.focus)?.focus({ preventScroll: true });
  window.scrollTo(0, memory.scroll);
}

restore();
document.addEventListener('click', onClick);
document.addEventListener('keydown', onKey);
document.addEventListener(
  'toggle',
  ({ target }) => {
    if (!(target instanceof HTMLDetailsElement) || !target.dataset['key']) return;
    memory.open[target.dataset['key']] = target.open;
    remember();
  },
  true
);
document.addEventListener('focusin', ({ target }) => {
  memory.focus = target instanceof Element && target !== document.body ? nameOf(target) : '';
  remember();
});
document.addEventListener(
  'scrollend',
  ({ target }) => {
    if (target instanceof Element) memory.scrolled[nameOf(target)] = [target.scrollLeft, target.scrollTop];
    else memory.scroll = window.scrollY;
    remember();
  },
  true
);

export {};
