import type { Challenge, StepUps as Answer } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { num, percent, risk, tone } from '../format';
import { paused } from '../keys';
import { link, toSession, toUser, useQuery } from '../query';
import { At, Chip, Cut, Head, Pick, Tenants, Tile, Windows } from '../parts/bits';
import { Empty, Shown } from '../parts/states';
import { Table } from '../parts/table';

const states = ['required', 'satisfied', 'denied', 'expired', 'cancelled'];

export function StepUps() {
  const q = useQuery();
  const window = q.at('window', '24h'), tenant = q.at('tenant'), state = q.at('state');
  const answer = useAnswer<Answer>(question('/api/stepups', { window, tenant, state }), paused.value ? 0 : 3000);
  const to = (s: string) => link('/stepups', { window: q.at('window'), tenant, state: s });
  return (
    <>
      <Head title="Step-ups" name="Step-ups"><Windows of={['1h', '24h', '7d', '30d']} otherwise="24h" /><Tenants of={answer.data?.tenants} /><Pick label="Now" name="state" of={states} /></Head>
      <Shown of={answer}>{(d) => (
        <>
          <section class="tiles" aria-label="What became of them">
            <Tile title="Asked" value={num(d.funnel.raised)} href={link('/fatigue', { tenant })}>by cause and week</Tile>
            <Tile title="Passed" value={num(d.funnel.satisfied)} of="good" href={to('satisfied')}>{percent(d.funnel.satisfied, d.funnel.raised)}</Tile>
            <Tile title="Denied" value={num(d.funnel.denied)} of="bad" href={to('denied')}>{percent(d.funnel.denied, d.funnel.raised)}</Tile>
            <Tile title="Expired" value={num(d.funnel.expired)} of="bad" href={to('expired')}>{percent(d.funnel.expired, d.funnel.raised)}</Tile>
            <Tile title="Open" value={num(d.funnel.open)} of="warn" href={to('required')}>{percent(d.funnel.open, d.funnel.raised)}</Tile>
          </section>
          {d.challenges.length === 0 ? <Empty title="No step-ups">Nobody had to prove anything in this time.</Empty>
            : <Table<Challenge> label="Step-ups" rows={d.challenges} id={(c) => c.tenant + c.id} to={(c) => toSession(c.tenant, c.session, c.eventId)} tone={(c) => 'edge ' + tone(c.state)} columns={[
              { name: 'Asked', width: '112px', cell: (c) => <At t={c.raisedAt} now={d.asOf} /> },
              { name: 'User, session', width: '19%', cell: (c) => <><a href={toUser(c.tenant, c.user)}><Cut>{c.user}</Cut></a><a class="quietlink" href={toSession(c.tenant, c.session, c.eventId)}><Cut mono dim>{c.session}</Cut></a></> },
              { name: 'Risk', width: '66px', right: true, cell: (c) => risk(c.risk) },
              { name: 'Now', width: '92px', cell: (c) => <Chip of={c.state} /> },
              { name: 'Why it was asked', cell: (c) => <bdi class="two" title={c.why}>{c.why}</bdi> },
              { name: 'Last change', width: '19%', wide: true, cell: (c) => (c.state === 'required' ? <span class="dim">until <At t={c.expires} now={d.asOf} /></span> : <><Cut>{c.lastWhy}</Cut><span class="dim"><At t={c.changed} now={d.asOf} /></span></>) },
            ]} />}
        </>
      )}</Shown>
    </>
  );
}
