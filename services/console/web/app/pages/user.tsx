import type { Decision, Device, Place, Summary, UserStory } from '../api.gen';
import { question, useAnswer, useDone } from '../fetch';
import { ago, count, num, tone } from '../format';
import { toSession, toShared, useQuery } from '../query';
import { At, Chip, Cut, Head, Risk, Tile } from '../parts/bits';
import { Challenges } from '../parts/challenges';
import { Places } from '../parts/lazymap';
import { Shown } from '../parts/states';
import { Table } from '../parts/table';
import { Evidence } from '../parts/timeline';

export function User() {
  const q = useQuery();
  const answer = useAnswer<UserStory>(question('/api/user', { tenant: q.at('tenant'), id: q.at('id') }));
  useDone(answer.again);
  const id = q.at('id');
  return (
    <>
      {!answer.data && <Head title={<>User <bdi class="mono wrap">{id}</bdi></>} name={'User ' + id}><span class="dim">tenant <bdi>{q.at('tenant')}</bdi></span></Head>}
      <Shown of={answer}>{(d) => <Story d={d} />}</Shown>
    </>
  );
}

function Story({ d }: { d: UserStory }) {
  const now = Date.parse(d.asOf!);
  return (
    <>
      <Head title={<>User <bdi class="mono wrap">{d.user}</bdi></>} name={'User ' + d.user}>{d.kind !== 'person' && d.kind && <Chip of="none">{d.kind}</Chip>}<span class="dim">tenant <bdi>{d.tenant}</bdi> · last 90 days</span></Head>
      <section class="tiles" aria-label="In numbers">
        <Tile title="Events" value={num(d.events)}>first <At t={d.first} now={d.asOf} /></Tile>
        <Tile title="Sessions" value={num(d.sessions)}>last event {ago(d.last, now)}</Tile>
        <Tile title="Places" value={num(d.places.length)}>{count(d.addresses, 'address', 'addresses')}</Tile>
        <Tile title="Step-ups asked" value={num(d.challenges.length)} of={d.challenges.length ? 'warn' : ''}>{d.challenges.filter((c) => c.state === 'satisfied').length} passed, {d.challenges.filter((c) => c.state === 'denied').length} denied</Tile>
      </section>
      <div class="cols">
        <section>
          <Places places={d.places} arcs={d.arcs} />
          <h2>Sessions <span class="dim">the last one first</span></h2>
          <Table<Summary> label="Sessions" rows={d.recent} id={(s) => s.session} to={(s) => toSession(d.tenant, s.session)} tone={(s) => 'edge ' + tone(s.state)} columns={[
            { name: 'Last event', width: '112px', cell: (s) => <At t={s.last} now={d.asOf} /> },
            { name: 'Session', cell: (s) => <a href={toSession(d.tenant, s.session)}><Cut mono>{s.session}</Cut></a> },
            { name: 'From where, with', width: '28%', cell: (s) => <><Cut>{[s.city, s.countries.join(', ')].filter(Boolean).join(' · ') || 'place unknown'}</Cut><Cut dim>{s.with || ' '}</Cut></> },
            { name: 'Highest risk', width: '118px', right: true, cell: (s) => <Risk risk={s.worst} level={s.level} /> },
            { name: 'State', width: '92px', cell: (s) => (s.state === 'clear' ? <span class="dim">clear</span> : <Chip of={s.state} />) },
            { name: 'Decisions', width: '82px', right: true, wide: true, cell: (s) => num(s.decisions) },
          ]} />
          <h2>Riskiest decision of each session</h2>
          <ol class="line dated">{d.riskiest.map((x) => <Riskiest d={x} asOf={d.asOf} />)}</ol>
        </section>
        <aside>
          <h2>Challenges</h2>
          <Challenges of={d.challenges} by="session" now={d.asOf} none="Never asked to prove anything." />
          <h2>Places</h2>
          <ul class="list">{d.places.map((p) => <PlaceLine p={p} now={now} />)}</ul>
          <h2>Devices</h2>
          <ul class="list">{d.devices.map((x) => <DeviceLine d={x} now={now} />)}</ul>
        </aside>
      </div>
    </>
  );
}

function Riskiest({ d, asOf }: { d: Decision; asOf: string | null }) {
  return (
    <li class={tone(d.level)}><details><summary data-row=""><At t={d.time} now={asOf} /><span class="what"><b>{d.did}</b> <bdi class="dim">{d.headline}</bdi></span><Risk risk={d.risk} level={d.level} />{d.action === 'allow' ? <span class="dim allow">allow</span> : <Chip of={d.action} />}</summary>
      <div class="inside"><Evidence d={d} /><p class="small"><a href={toSession(d.tenant, d.session, d.eventId)}>The session's story</a></p></div></details></li>
  );
}

const PlaceLine = ({ p, now }: { p: Place; now: number }) => (
  <li><span><Cut>{p.name}</Cut><Cut dim>{[p.networks.join(', '), p.radiusKm ? `± ${num(p.radiusKm)} km` : ''].filter(Boolean).join(' · ') || 'network unknown'}</Cut></span><span class="r num">{num(p.events)}<span class="dim small">{ago(p.last, now)}</span></span></li>
);

const DeviceLine = ({ d, now }: { d: Device; now: number }) => (
  <li><span><Cut>{d.with || 'unknown browser'}</Cut>{d.id ? <a class="quietlink" href={toShared('device', d.id)}><Cut mono dim>{d.id}</Cut></a> : <span class="dim small">no token</span>}</span><span class="r num">{num(d.events)}<span class="dim small">{ago(d.last, now)}</span></span></li>
);
