// What a page shows when it has nothing to show: still loading, empty, or in trouble.
import type { ComponentChildren } from 'preact';
import type { Answer } from '../fetch';

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return <section class="empty"><h1>{title}</h1><div class="dim">{children}</div></section>;
}

/** Grey lines where the answer will be. */
export function Loading({ lines = 6 }: { lines?: number }) {
  return <div class="loading" role="status"><span class="sr">Loading</span>{Array.from({ length: lines }, () => <i />)}</div>;
}

const words: Record<string, [string, string]> = {
  away: ['ClickHouse does not answer', 'Scoring and step-up flags go on without it; what is decided meanwhile waits in the journal and appears here when it is back. This page asks again by itself.'],
  lost: ['The console does not answer', 'This page asks again by itself.'],
  not_stored: ['This version is not stored', 'riskd was started with it (built in, or -policy), so its text is not in the log of policies.'],
  forbidden: ['That is not for your role', ''],
  not_found: ['Nothing is known under this name', 'It may be older than what is kept, or not be written yet: that takes a second or two.'],
};

/** The answer's page, or what is in its place. Old data stays under a line that says so. */
export function Shown<T>({ of, children }: { of: Answer<T>; children: (data: T) => ComponentChildren }) {
  const t = of.trouble;
  if (t && !of.data) {
    const [title, more] = words[t.problem.code] ?? ['That did not work', ''];
    return (
      <section class="empty" role="alert">
        <h1>{title}</h1>
        <p>{more || t.problem.message}</p>
        {t.problem.detail && <p class="mono dim wrap small">{t.problem.detail}</p>}
        <p><button type="button" onClick={of.again}>Ask again</button></p>
      </section>
    );
  }
  if (!of.data) return <Loading />;
  return <>{t && <p class="banner" role="alert">{t.problem.message} What you see is old; asking again … <span class="small">{t.problem.detail}</span></p>}{children(of.data)}</>;
}
