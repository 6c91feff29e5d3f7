// How numbers and times are written. All times are UTC; the local one is on hover.
import type { Moment } from './api.gen';

const group = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A whole number with thousands set apart; from ten thousand on in short. */
export function num(n: number): string {
  if (n >= 10_000_000) return tenth.format(n / 1e6) + ' M';
  return group.format(n);
}

export const one = (n: number): string => tenth.format(n);
/** A risk of 100: never rounded up to a certainty that is not there. */
export const risk = (n: number): string => (n >= 99.95 && n < 100 ? (Math.floor(n * 100) / 100).toFixed(2) : tenth.format(n));
export const two = (n: number): string => n.toFixed(2);
/** Evidence with its sign. */
export const nats = (n: number): string => (n > 0 ? '+' : n < 0 ? '−' : '') + Math.abs(n).toFixed(2);

export function percent(part: number, whole: number): string {
  if (!whole) return '–';
  const p = (100 * part) / whole;
  if (p > 0 && p < 0.1) return '< 0.1 %';
  return (p < 10 ? tenth.format(p) : group.format(p)) + ' %';
}

/** A span of milliseconds for reading. */
export function span(ms: number): string {
  if (ms < 1) return ms > 0 ? '< 1 ms' : '0 ms';
  if (ms < 1000) return Math.round(ms) + ' ms';
  const s = ms / 1000;
  if (s < 10) return tenth.format(s) + ' s';
  if (s < 90) return Math.round(s) + ' s';
  const m = s / 60;
  if (m < 90) return Math.round(m) + ' min';
  const h = m / 60;
  if (h < 48) return Math.round(h) + ' h';
  return Math.round(h / 24) + ' days';
}

export function ago(at: Moment, now: number): string {
  if (!at) return 'unknown';
  const ms = now - Date.parse(at);
  if (ms < 0) return 'in ' + span(-ms);
  return ms < 1000 ? 'just now' : span(ms) + ' ago';
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

export const clock = (at: Moment): string => (at ? at.slice(11, 19) : '–');

/** A moment for reading: the clock alone when it is of the same day as now. */
export function stamp(at: Moment, now: Moment): string {
  if (!at) return 'unknown';
  now ??= new Date().toISOString();
  if (at.slice(0, 10) === now.slice(0, 10)) return at.slice(11, 19);
  const d = new Date(at);
  const day = d.getUTCDate() + ' ' + months[d.getUTCMonth()];
  return at.slice(0, 4) === now.slice(0, 4) ? day + ' ' + at.slice(11, 16) : day + ' ' + at.slice(0, 4);
}

/** A day in full. */
export function date(at: Moment): string {
  if (!at) return 'unknown';
  const d = new Date(at);
  return `${days[d.getUTCDay()]} ${d.getUTCDate()} ${months[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
}

/** What the hover says: the same moment to the millisecond, and where the reader sits. */
export function both(at: Moment): string {
  if (!at) return '';
  const local = new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
  return at.replace('T', ' ').replace('Z', ' UTC') + '\n' + local + ' here';
}

/** A count with its noun. */
export const count = (n: number, noun: string, many = noun + 's'): string => num(n) + ' ' + (n === 1 ? noun : many);
/** A rate: exact while it is small. */
export const rate = (n: number): string => (n > 0 && n < 10 ? tenth.format(n) : num(n));
export const plain = (code: string): string => code.replaceAll('_', ' ');
export const capital = (s: string): string => s.charAt(0).toUpperCase() + s.slice(1);

/** The colour of a state, action or level: good, warn, bad or none. */
export function tone(word: string): 'good' | 'warn' | 'bad' | 'none' {
  switch (word) {
    case 'allow': case 'low': case 'satisfied': case 'good': case 'passed': case 'allowed':
      return 'good';
    case 'step_up': case 'medium': case 'required': case 'warn': case 'stale': case 'shown': case 'no_receipt':
      return 'warn';
    case 'deny': case 'high': case 'denied': case 'expired': case 'bad': case 'fail_open': case 'let_through':
      return 'bad';
  }
  return 'none';
}
