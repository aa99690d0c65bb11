// The job report as HTML.

import type { JobReport } from '../protocol';

export interface ReportEnvironment {
  nonce: string;
  cspSource: string;
  styleUri: string;
  scriptUri: string;
}

/** The whole page of a report. */
export function renderReport(report: JobReport, env: ReportEnvironment): string {
  const csp = `default-src 'none'; style-src ${env.cspSource}; script-src 'nonce-${env.nonce}'`;
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${csp}"><title>Job report</title></head>
<body><pre>${JSON.stringify(report, null, 2).replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</pre></body></html>`;
}
