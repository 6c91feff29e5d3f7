// Challenges as cards.
import type { Challenge, Moment } from '../api.gen';
import { tone } from '../format';
import { toSession } from '../query';
import { At, Chip } from './bits';

/** A list of challenges; `by` is what each is headed by. */
export function Challenges({ of, by, now, none }: { of: Challenge[]; by: 'user' | 'session' | 'id'; now: Moment; none: string }) {
  if (of.length === 0) return <p class="dim">{none}</p>;
  return (
    <ol class="cards">
      {of.map((c) => (
        <li key={c.id}><a class={'card ' + tone(c.state)} href={toSession(c.tenant, c.session, c.eventId)}>
          <span class="card-top"><bdi class={'cut' + (by === 'user' ? ' who' : ' mono small')} title={c[by]}>{c[by]}</bdi><Chip of={c.state} /><At t={c.raisedAt} now={now} /></span>
          <bdi class="two" title={c.why}>{c.why}</bdi>
          {by !== 'user' && c.state !== 'required' && <span class="dim small">{c.lastWhy}</span>}
        </a></li>
      ))}
    </ol>
  );
}
