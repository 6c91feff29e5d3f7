import type { Decision as Answer } from '../api.gen';
import { question, useAnswer, useDone } from '../fetch';
import { capital, date, risk, span, tone } from '../format';
import { toSession, toUser, useQuery } from '../query';
import { At, Chip, Cut, Head, Sensitivity } from '../parts/bits';
import { Shown } from '../parts/states';
import { Evidence } from '../parts/timeline';

export function Decision() {
  const q = useQuery();
  const answer = useAnswer<Answer[]>(question('/api/decision', { tenant: q.at('tenant'), event: q.at('event') }));
  useDone(answer.again);
  return (
    <>
      <Head title={<>Decision <bdi class="mono wrap">{q.at('event')}</bdi></>} name={'Decision ' + q.at('event')} />
      <Shown of={answer}>{(all) => <>{all.map((d) => <One d={d} />)}</>}</Shown>
    </>
  );
}

function One({ d }: { d: Answer }) {
  return (
    <section>
      <div class={'verdict one ' + tone(d.action)}><div>
        <p class="verdict-top"><Chip of={d.action} /> <b>{capital(d.did)}</b> <Sensitivity of={d.sensitivity} /> <span class="dim">{date(d.time)}</span> <At t={d.time} only="clock" /></p>
        <p class="why"><span class="riskbig num">{risk(d.risk)}</span><bdi>{capital(d.headline)}</bdi></p>
      </div></div>
      <div class="cols">
        <div class="panel"><Evidence d={d} /></div>
        <aside><h2>Facts</h2><dl class="facts">
          <div><dt>User</dt><dd><a href={toUser(d.tenant, d.user)}><Cut>{d.user}</Cut></a></dd></div>
          <div><dt>Session</dt><dd><a href={toSession(d.tenant, d.session, d.eventId)}><Cut mono>{d.session}</Cut></a></dd></div>
          <div><dt>Tenant</dt><dd><bdi>{d.tenant}</bdi></dd></div>
          <div><dt>Place</dt><dd>{d.origin.where || 'unknown'}</dd></div>
          <div><dt>Network</dt><dd>{[d.origin.asOrg, d.origin.network].filter(Boolean).join(', ') || 'unknown'}</dd></div>
          <div><dt>Browser</dt><dd>{d.origin.with || 'unknown'}</dd></div>
          <div><dt>Source</dt><dd><Cut>{d.source}</Cut></dd></div>
          <div><dt>Decided</dt><dd><At t={d.decidedAt} /> <span class="dim">{span(d.latencyMs)} after the broker had it</span></dd></div>
        </dl></aside>
      </div>
    </section>
  );
}
