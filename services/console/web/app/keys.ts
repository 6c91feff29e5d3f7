// The keyboard: one letter does one thing, anywhere but in a field. `?` lists them.
import { pages } from './routes';
import { flipTheme } from './theme';
import { signal } from '@preact/signals';

export const helpOpen = signal(false);
export const paused = signal(false);

const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('main [data-row]')].filter((r) => r.offsetParent !== null);

/** Moves the focus to the next or the one before of the rows on the page. */
function move(by: number): void {
  const all = rows();
  const at = all.findIndex((r) => r.contains(document.activeElement));
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  const target = next?.matches('a,button,summary') ? next : next?.querySelector<HTMLElement>('a,button,summary');
  target?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

let leader = 0; // when g was pressed

export function listen(go: (path: string) => void): () => void {
  const on = (e: KeyboardEvent) => {
    const t = e.target as HTMLElement;
    if (e.key === 'Escape' && t.matches('input, textarea, select')) { t.blur(); return; }
    if (e.ctrlKey || e.metaKey || e.altKey || t.matches('input:not([type=radio]):not([type=checkbox]), textarea, select') || document.querySelector('dialog[open]')) return;
    if (Date.now() - leader < 1200) {
      leader = 0;
      const page = pages.find((p) => p.key === e.key);
      if (page) { go(page.path); e.preventDefault(); }
      return;
    }
    switch (e.key) {
      case 'g': leader = Date.now(); break;
      case '/': document.querySelector<HTMLInputElement>('#find')?.focus(); break;
      case 'j': move(1); break;
      case 'k': move(-1); break;
      case 't': flipTheme(); break;
      case 'p': paused.value = !paused.value; break;
      case '?': helpOpen.value = true; break;
      default: return;
    }
    e.preventDefault();
  };
  document.addEventListener('keydown', on);
  return () => document.removeEventListener('keydown', on);
}
