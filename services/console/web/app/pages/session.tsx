import type { Decision, Entry, SessionStory } from '../api.gen';
import { question, useAnswer, useDone } from '../fetch';
import { ago, capital, date, num, risk, tone } from '../format';
import { toUser, useQuery } from '../query';
import { Actions } from '../parts/actions';
import { At, Chip, Cut, Head } from '../parts/bits';
import { Challenges } from '../parts/challenges';
import { Places } from '../parts/lazymap';
import { Shown } from '../parts/states';
import { Timeline } from '../parts/timeline';
import { Waterfall } from '../parts/waterfall';

export function Session() {
  const q = useQuery();
  const answer = useAnswer<SessionStory>(question('/api/session', { tenant: q.at('tenant'), id: q.at('id') }));
  useDone(answer.again);
  const id = q.at('id');
  return (
    <>
      {!answer.data && <Head title={<>Session <bdi class="mono wrap">{id}</bdi></>} name={'Session ' + id} />}
      <Shown of={answer}>{(d) => <Story d={d} event={q.at('event')} />}</Shown>
    </>
  );
}

/** The decision that explains the session: the one asked for, else the one that raised the challenge, else the riskiest. */
function telling(d: SessionStory, event: string): Entry | undefined {
  return d.entries.find((e) => event && e.decision?.eventId === event) ?? d.entries[d.telling];
}

function verdict(d: SessionStory): string {
  switch (d.summary.state) {
    case 'required': return 'A proof is asked for';
    case 'satisfied': return 'The user proved it was them';
    case 'denied': return 'This session is shut out';
    case 'expired': return 'Nobody answered the challenge';
  }
  return d.summary.stepUps + d.summary.denies > 0 ? 'Free to go on, after a challenge' : 'Nothing was asked of it';
}

function Story({ d, event }: { d: SessionStory; event: string }) {
  const s = d.summary, now = Date.parse(d.asOf!), open = d.challenges.some((c) => c.state === 'required');
  const main = telling(d, event), why = main?.decision ?? null;
  return (
    <>
      <Head title={<>Session <bdi class="mono wrap">{s.session}</bdi></>} name={'Session ' + s.session}>
        <Actions of={['me', 'false_alarm', 'not_me', 'attack', 'withdraw', 'end_challenge', 'revoke_session']} about={{ tenant: d.tenant, user: s.user, session: s.session, event: '', challenge: '' }} open={open} />
      </Head>
      <section class={'verdict ' + tone(s.state || 'none')} aria-label="In short">
        <div>
          <p class="verdict-top"><Chip of={s.state || 'clear'} /> <b>{verdict(d)}</b> <span class="dim">user</span> <a class="cut" href={toUser(d.tenant, s.user)} title={s.user}><bdi>{s.user}</bdi></a></p>
          {why && <p class="why"><span class="riskbig num">{risk(why.risk)}</span><bdi>{capital(why.headline)}</bdi></p>}
          <ol class="short">{d.short.map((x) => <li class={tone(x.tone)}><At t={x.time} now={d.asOf} /><bdi>{x.text}</bdi></li>)}</ol>
        </div>
        <Places places={d.places} arcs={d.arcs} />
      </section>
      {why && <Why d={why} />}
      <div class="cols">
        <section><h2>Timeline <span class="dim">event time, oldest first{d.left > 0 && `; ${num(d.left)} earlier left out`}</span></h2>
          <Timeline of={d} open={main} />
        </section>
        <aside aria-label="Facts">
          <h2>Facts</h2>
          <dl class="facts">
            <div><dt>User</dt><dd><a href={toUser(d.tenant, s.user)}><Cut>{s.user}</Cut></a></dd></div>
            <div><dt>Tenant</dt><dd><bdi>{d.tenant}</bdi></dd></div>
            <div><dt>First event</dt><dd><At t={s.first} now={d.asOf} /></dd></div>
            <div><dt>Last event</dt><dd><At t={s.last} now={d.asOf} /> <span class="dim">{ago(s.last, now)}</span></dd></div>
            <div><dt>Decisions</dt><dd class="num">{num(s.decisions)}</dd></div>
            <div><dt>Highest risk</dt><dd class="num">{risk(s.worst)}</dd></div>
            <div><dt>Addresses</dt><dd class="num">{num(s.addresses)}</dd></div>
            <div><dt>Countries</dt><dd>{s.countries.join(', ') || 'unknown'}</dd></div>
          </dl>
          <h2>Challenges</h2>
          <Challenges of={d.challenges} by="id" now={d.asOf} none="None." />
        </aside>
      </div>
    </>
  );
}

function Why({ d }: { d: Decision }) {
  return (
    <section class="panel"><h2>Why: {d.did}, <At t={d.time} only="clock" /> <span class="dim">{date(d.time)}, {d.origin.where || 'place unknown'}{d.origin.with && `, ${d.origin.with}`}</span></h2><Waterfall of={d} /></section>
  );
}
