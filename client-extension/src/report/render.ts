// The job report as one HTML page: it needs nothing but its style sheet and its script, and runs nothing else.

import type { JobReport } from '../protocol';
import { changesPanel, compared } from './changes';
import { draftsPanel } from './drafts';
import { evidencePanel } from './evidence';
import { findingsPanel } from './findings';
import { header } from './header';
import { type Html, html, nothing } from './html';
import { pathSection } from './picture';
import { planPanel } from './plan';

export interface ReportEnvironment {
  nonce: string;
  cspSource: string;
  styleUri: string;
  scriptUri: string;
}

interface Tab {
  key: string;
  name: string;
  /** What is behind it, counted; null where that says nothing. */
  number: number | null;
  content: Html;
}

/** The whole page of a report. */
export function renderReport(report: JobReport, env: ReportEnvironment): string {
  const policy = `default-src 'none'; style-src ${env.cspSource}; script-src 'nonce-${env.nonce}'; base-uri 'none'; form-action 'none'`;
  const files = compared(report);
  const tabs: Tab[] = [
    { key: 'changes', name: 'Changes', number: report.files.length, content: changesPanel(report, files) },
    { key: 'findings', name: 'Findings', number: report.findings.length, content: findingsPanel(report) },
    { key: 'evidence', name: 'Evidence', number: null, content: evidencePanel(report) },
    { key: 'drafts', name: 'Drafts', number: report.iterations.length, content: draftsPanel(report) },
    { key: 'plan', name: 'Plan', number: null, content: planPanel(report) },
  ];
  const first = report.files.length === 0 && report.findings.length > 0 ? 'findings' : report.files.length ? 'changes' : 'evidence';
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${report.job.title || 'Job report'}</title>
<link rel="stylesheet" href="${env.styleUri}">
</head>
<body data-job="${report.job.jobId}">
<main>
${header(report, files)}
${pathSection(report)}
<div class="tabs" role="tablist" aria-label="Parts of the report">${tabs.map((tab) => tabButton(tab, first))}</div>
${tabs.map((tab) => panel(tab, first))}
</main>
<script nonce="${env.nonce}" src="${env.scriptUri}"></script>
</body>
</html>
`.text;
}

function tabButton({ key, name, number }: Tab, first: string): Html {
  const chosen = key === first;
  return html`<button type="button" role="tab" id="tab-${key}" aria-controls="panel-${key}" aria-selected="${String(chosen)}" tabindex="${chosen ? 0 : -1}">${name}${number === null ? nothing : html` <span class="number">${number}</span>`}</button>`;
}

function panel({ key, name, content }: Tab, first: string): Html {
  return html`<section role="tabpanel" id="panel-${key}" aria-labelledby="tab-${key}" tabindex="0"${key !== first && html` hidden`}><h2 class="unseen">${name}</h2>
${content}</section>`;
}
