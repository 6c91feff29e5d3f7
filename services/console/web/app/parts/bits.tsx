// Small parts that every page uses.
import type { ComponentChildren } from 'preact';
import type { Moment } from '../api.gen';
import { both, clock, plain, risk as inWords, stamp, tone } from '../format';
import { useQuery, windows } from '../query';
import { useEffect, useState } from 'preact/hooks';

/** A page's head: its title, what narrows it, and the tab's name. */
export function Head({ title, name, children }: { title: ComponentChildren; name: string; children?: ComponentChildren }) {
  useEffect(() => { document.title = name + ' · riskd'; }, [name]);
  return <div class="head"><h1>{title}</h1>{children}</div>;
}

export const Chip = ({ of, children }: { of: string; children?: ComponentChildren }) => <span class={'chip ' + tone(of)}>{children ?? plain(of)}</span>;

/** A moment: the clock when it is today's, UTC; hovering says it in full and in local time. */
export function At({ t, now, only }: { t: Moment; now?: Moment; only?: 'clock' }) {
  if (!t) return <span class="dim">unknown</span>;
  return <time class="num" dateTime={t} title={both(t)}>{only === 'clock' ? clock(t) : stamp(t, now ?? null)}</time>;
}

/** A risk as a number beside a small meter. */
export function Risk({ risk, level }: { risk: number; level: string }) {
  const width = 0.4 * Math.min(Math.max(risk, 0), 100);
  return (
    <span class={'risk ' + tone(level)} title={`Risk ${risk} of 100, ${level}`}>
      <b>{inWords(risk)}</b>
      <svg viewBox="0 0 40 6" width="40" height="6" aria-hidden="true"><rect class="track" width="40" height="6" rx="3" /><rect class="fill" width={width} height="6" rx="3" /></svg>
    </span>
  );
}

/** Text from outside on one line, whole on hover. */
export const Cut = ({ children, title, mono, dim }: { children: string; title?: string; mono?: boolean; dim?: boolean }) => (
  <bdi class={'cut' + (mono ? ' mono' : '') + (dim ? ' dim' : '')} title={title ?? children}>{children}</bdi>
);

export const Sensitivity = ({ of }: { of: string }) => (of === 'restricted' || of === 'critical' ? <em class={'sens ' + of}>{of}</em> : null);

export function Tile({ title, value, children, of, href }: { title: string; value: ComponentChildren; children?: ComponentChildren; of?: string; href?: string }) {
  const inside = <><h2>{title}</h2><p class={'big ' + (of ? tone(of) + 'text' : '')}>{value}</p><div class="dim small">{children}</div></>;
  return href ? <a class="tile" href={href}>{inside}</a> : <div class="tile">{inside}</div>;
}

/** Chooses a span of time; the address holds it. */
export function Windows({ of, otherwise }: { of: string[]; otherwise: string }) {
  const q = useQuery();
  const now = q.at('window', otherwise);
  return (
    <fieldset class="seg"><legend class="sr">Time</legend>
      {of.map((w) => <label><input type="radio" name="window" checked={w === now} onChange={() => q.set({ window: w === otherwise ? '' : w })} /><span>{windows[w]}</span></label>)}
    </fieldset>
  );
}

/** Chooses one of a few values of the address. */
export function Pick({ label, name, of, any = 'any' }: { label: string; name: string; of: string[]; any?: string }) {
  const q = useQuery();
  return (
    <label class="pick">{label}
      <select value={q.at(name)} onChange={(e) => q.set({ [name]: e.currentTarget.value })}>
        <option value="">{any}</option>
        {of.map((v) => <option value={v}>{plain(v)}</option>)}
      </select>
    </label>
  );
}

/** Tenants, where there are several. */
export const Tenants = ({ of }: { of: string[] | undefined }) => (of && of.length > 1 ? <Pick label="Tenant" name="tenant" of={of} any="all" /> : null);

/** A text of the address; taken over when the field is left or Enter pressed. What is being typed stays when the page is drawn anew meanwhile, as it is
 *  with every decision that comes in. */
export function Field({ label, name, size }: { label: string; name: string; size: number }) {
  const q = useQuery();
  const [draft, type] = useState<string | null>(null);
  return (
    <label class="pick">{label}
      <input value={draft ?? q.at(name)} size={size} maxLength={128} autocomplete="off" spellcheck={false}
        onInput={(e) => type(e.currentTarget.value)} onBlur={() => type(null)}
        onChange={(e) => { q.set({ [name]: e.currentTarget.value.trim() }); type(null); }} />
    </label>
  );
}
