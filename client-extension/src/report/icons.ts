// Small pictures that take the colour of the text beside them; they say nothing that words do not say too.

import { type Html, html } from './html';

const PATHS = {
  check: 'M3 8.5 6.5 12 13 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  back: 'M6 3 2.5 6.5 6 10M2.5 6.5H10a3.5 3.5 0 0 1 0 7H7',
  warning: 'M8 2 14.5 13.5h-13zM8 6.5v3M8 11.2v.6',
  info: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13M8 7v4M8 4.6v.6',
  stop: 'M4.5 4.5h7v7h-7z',
  dots: 'M3 8h.01M8 8h.01M13 8h.01',
  ring: 'M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9',
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): Html {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${iconPath(name)}</svg>`;
}

export function iconPath(name: IconName): Html {
  return html`<path class="stroke" d="${PATHS[name]}"/>`;
}
