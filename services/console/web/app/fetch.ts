// Questions to the server: typed, with problems that people can read, and asked again by themselves where a page lives.
import { useEffect, useRef, useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import type { Me, Problem } from './api.gen';

/** Who is signed in; null until the server has said it. */
export const me = signal<Me | null>(null);
/** When the last question went unanswered: what is shown is old. */
export const lost = signal(false);
/** Anything that was done: pages that show it ask again. */
export const done = signal(0);

/** An action was sent: what it did is judged within moments, and its tables are written one after the other. */
export function acted(): void {
  for (const ms of [1500, 5000, 12_000]) setTimeout(() => { done.value++; }, ms);
}

/** Asks again whenever something was done since the page came. */
export function useDone(again: () => void): void {
  const seen = useRef(done.value);
  useEffect(() => {
    if (done.value !== seen.current) { seen.current = done.value; again(); }
  }, [done.value]);
}

/** A problem as an error. */
export class Trouble extends Error {
  constructor(readonly problem: Problem, readonly status: number) {
    super(problem.message);
  }
}

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { Accept: 'application/json', ...init?.headers } });
  } catch (e) {
    if (init?.signal?.aborted) throw e;
    lost.value = true;
    throw new Trouble({ code: 'lost', message: 'The console does not answer.' }, 0);
  }
  lost.value = false;
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    const problem = (body as Problem | null) ?? { code: 'internal', message: `The console answered ${response.status}.` };
    if (problem.code === 'signed_out' && path !== '/api/signin') void whoAmI();
    throw new Trouble(problem, response.status);
  }
  return body as T;
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => ask<T>(path, { signal });

export const post = <T>(path: string, body: unknown): Promise<T> =>
  ask<T>(path, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', 'X-Riskd-CSRF': me.value?.csrf ?? '' } });

export async function whoAmI(): Promise<void> {
  me.value = await get<Me>('/api/me');
}

/** The path of a question with its values; empty ones are left out. */
export function question(path: string, values: Record<string, string | undefined>): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(values)) if (v) q.set(k, v);
  const text = q.toString();
  return text ? path + '?' + text : path;
}

/** An answer: what came last, whether more is under way, and what went wrong. */
export interface Answer<T> {
  data: T | null;
  trouble: Trouble | null;
  /** Nothing is here yet. */
  loading: boolean;
  again: () => void;
}

/** How often what could not be answered is asked again, milliseconds. */
const whenAway = 4000;

/** Asks a question, again when it changes, and every so many milliseconds while the tab is looked at (0: never). */
export function useAnswer<T>(path: string | null, every = 0): Answer<T> {
  const [state, set] = useState<{ path: string | null; data: T | null; trouble: Trouble | null }>({ path: null, data: null, trouble: null });
  const [round, setRound] = useState(0);
  const timer = useRef<number>(0);
  useEffect(() => {
    if (!path) return;
    const stop = new AbortController();
    const run = async () => {
      let next = every;
      if (!document.hidden) {
        try {
          const data = await get<T>(path, stop.signal);
          set({ path, data, trouble: null });
        } catch (e) {
          if (stop.signal.aborted) return;
          if (e instanceof Trouble && ['away', 'lost'].includes(e.problem.code)) next = every || whenAway;
          const trouble = e instanceof Trouble ? e : new Trouble({ code: 'internal', message: String(e) }, 0);
          set((old) => ({ path, data: old.path === path && trouble.status !== 404 ? old.data : null, trouble }));
        }
      }
      if (next && !stop.signal.aborted) timer.current = window.setTimeout(run, next);
    };
    void run();
    return () => { stop.abort(); clearTimeout(timer.current); };
  }, [path, every, round]);
  // What belongs to another question stays until its own answer is there, unless that is trouble.
  return { data: state.data, trouble: state.path === path ? state.trouble : null, loading: !!path && state.data === null && state.path !== path, again: () => setRound((n) => n + 1) };
}
