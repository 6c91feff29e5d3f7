import { signal } from '@preact/signals';

/** Light or dark; public/theme.js sets the first one before anything is painted. */
export const theme = signal(document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light');

export function flipTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = theme.value;
  try { localStorage.setItem('theme', theme.value); } catch { /* it lasts as long as the page */ }
}

/** A colour of the style sheet, for what draws on a canvas. */
export const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
