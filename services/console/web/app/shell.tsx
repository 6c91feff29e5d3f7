// What is around every page: where one can go, what to look for, and who is signed in.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { lost, me, post, whoAmI } from './fetch';
import { helpOpen } from './keys';
import { link } from './query';
import { pages } from './routes';
import { flipTheme, theme } from './theme';

const ranks = ['viewer', 'analyst', 'admin'];
export const may = (role: string): boolean => ranks.indexOf(me.value?.role ?? '') >= ranks.indexOf(role);

export function Shell({ children }: { children: ComponentChildren }) {
  const { path } = useLocation();
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus(); }}>Skip to content</a>
      <header class="side">
        <a class="brand" href="/" aria-label="riskd, overview"><Mark />riskd</a>
        <nav aria-label="Main">
          {pages.filter((p) => p.key && may(p.role ?? 'viewer')).map((p) => (
            <a href={p.path} aria-current={path === p.path ? 'page' : undefined} title={`g ${p.key}`}>{p.title}</a>
          ))}
        </nav>
        <Account />
      </header>
      <div class="body">
        <div class="top">
          <Find />
          <span class="utc" title="All times are UTC; the local time is on hover">UTC <Clock /></span>
          <button type="button" class="quiet" onClick={flipTheme} title="Light or dark (t)" aria-label={theme.value === 'dark' ? 'Switch to light' : 'Switch to dark'}>{theme.value === 'dark' ? '☾' : '☀'}</button>
          <button type="button" class="quiet" onClick={() => { helpOpen.value = true; }} title="Keys (?)" aria-label="Keyboard shortcuts">?</button>
        </div>
        <div role="status" aria-live="polite">{lost.value && <p class="banner">The console does not answer. What you see is old; asking again …</p>}</div>
        <main id="main" tabIndex={-1}>{children}</main>
      </div>
      <Help />
    </div>
  );
}

const Mark = () => (
  <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d="M12 2 4 5v6c0 5 3.4 9.3 8 11 4.6-1.7 8-6 8-11V5z" fill="none" stroke="currentColor" stroke-width="1.8" /><path d="M7 13h2.4l1.6-4 2.4 7 1.5-3H17" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" /></svg>
);

function Clock() {
  const [now, set] = useState(Date.now());
  useEffect(() => { const t = setInterval(() => set(Date.now()), 1000); return () => clearInterval(t); }, []);
  return <time class="num">{new Date(now).toISOString().slice(11, 19)}</time>;
}

function Find() {
  const loc = useLocation();
  const go = (e: Event) => {
    e.preventDefault();
    const q = new FormData(e.currentTarget as HTMLFormElement).get('q')!.toString().trim();
    if (!q) return;
    (document.activeElement as HTMLElement | null)?.blur();
    loc.route(link('/find', { q }));
  };
  return (
    <form class="find" role="search" onSubmit={go}>
      <input id="find" type="search" name="q" placeholder="Find a user, session, event or challenge by its id" aria-label="Find a user, session, event or challenge by its id" maxLength={256} autocomplete="off" spellcheck={false} />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

function Account() {
  const leave = () => { void post('/api/signout', {}).finally(whoAmI); };
  return (
    <div class="account">
      <span class="cut" title={me.value!.name}>{me.value!.name}</span>
      <span class="dim small">{me.value!.role}</span>
      <button type="button" onClick={leave}>Sign out</button>
    </div>
  );
}

function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => { if (helpOpen.value) dialog.current?.showModal(); }, [helpOpen.value]);
  const keys: [string, string][] = [['/', 'search'], ['j', 'next row'], ['k', 'row before'], ['Enter', 'open the row'], ['p', 'pause what is live'], ['t', 'light or dark'], ['Esc', 'leave a field, close'],
    ...pages.filter((p) => p.key && may(p.role ?? 'viewer')).map((p): [string, string] => ['g ' + p.key, p.title])];
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="keys" onClose={() => { helpOpen.value = false; }} onClick={(e) => { if (e.target === dialog.current) dialog.current?.close(); }}>
      <form method="dialog">
        <h2 id="keys">Keys</h2>
        <dl class="keys">{keys.map(([k, what]) => <div><dt>{k.split(' ').map((x) => <kbd>{x}</kbd>)}</dt><dd>{what}</dd></div>)}</dl>
        <div class="ends"><button autofocus>Close</button></div>
      </form>
    </dialog>
  );
}
