// What was asked, and the architect's answer to it.

import type { JobReport, ReportPlan } from '../protocol';
import { type Html, html } from './html';
import { bounded } from './words';

export function planPanel({ requirement, plan }: JobReport): Html {
  return html`<section><h3>What was asked</h3>${requirement.trim() ? html`<pre class="prose" tabindex="0" aria-label="The requirement">${bounded(requirement)}</pre>` : html`<p class="hint">Nothing in words: the code itself says it.</p>`}</section>
${plan && planned(plan)}`;
}

function planned({ attempt, approach, files, dependencies, criteria }: ReportPlan): Html {
  return html`<section><h3>The plan${attempt > 1 && html` <span class="hint">attempt ${attempt}</span>`}</h3>
${approach && html`<p class="prose">${bounded(approach, 8000)}</p>`}
${criteria.length > 0 && html`<h4>It is right when</h4><ul>${criteria.map((line) => html`<li>${bounded(line, 2000)}</li>`)}</ul>`}
${
  files.length > 0 &&
  html`<h4>Files</h4><ul class="planned">${files.map(
    (file) =>
      html`<li><code>${file.path}</code> ${file.purpose}${file.interface.trim() && html`<details data-key="plan:${file.path}"><summary>Interface</summary><pre tabindex="0" aria-label="Interface of ${file.path}">${bounded(file.interface)}</pre></details>`}</li>`
  )}</ul>`
}
${dependencies.length > 0 && html`<h4>Packages</h4><p>${dependencies.map((line) => html`<code>${line}</code> `)}</p>`}
</section>`;
}
