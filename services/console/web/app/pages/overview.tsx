import type { Home, TopUser } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { ago, count, num, percent, rate, span } from '../format';
import { link, toUser, useQuery, windows } from '../query';
import { paused } from '../keys';
import { At, Cut, Head, Risk, Tenants, Tile, Windows } from '../parts/bits';
import { Challenges } from '../parts/challenges';
import { Series } from '../parts/series';
import { Empty, Shown } from '../parts/states';
import { Table } from '../parts/table';

export function Overview() {
  const q = useQuery();
  const window = q.at('window', '24h'), tenant = q.at('tenant');
  const answer = useAnswer<Home>(question('/api/overview', { window, tenant }), paused.value ? 0 : 3000);
  return (
    <>
      <Head title="Overview" name="Overview"><Windows of={['15m', '1h', '24h', '7d', '30d']} otherwise="24h" /><Tenants of={answer.data?.tenants} /></Head>
      <Shown of={answer}>{(d) => <Body d={d} window={window} />}</Shown>
    </>
  );
}

function Body({ d, window }: { d: Home; window: string }) {
  const o = d.overview, f = o.funnel, now = Date.parse(d.asOf!);
  if (!o.lastDecided && d.tenants.length === 0) {
    return <Empty title="No decisions yet">Publish an event and it appears here within two seconds: <code>riskctl send</code>, the SDK, or <code>POST /v1/events</code>.</Empty>;
  }
  const behind = o.lastDecided ? now - Date.parse(o.lastDecided) : 0;
  return (
    <>
      <section class="tiles" aria-label={'The last ' + windows[window]}>
        <Tile title="Decisions" value={num(o.decisions)}>{rate(o.perMinute)} a minute · {count(o.users, 'user')}</Tile>
        <Tile title="Step-ups asked" value={num(f.raised)} of={f.raised ? 'warn' : ''} href={link('/stepups', { window })}>{percent(f.raised, o.sessions)} of {count(o.sessions, 'session')}</Tile>
        <Tile title="How they ended" value={<>{num(f.satisfied)} <small>passed</small></>} href={link('/fatigue')}>
          <b class="badtext">{num(f.denied)}</b> denied · <b class="badtext">{num(f.expired)}</b> expired · <b class="warntext">{num(f.open)}</b> open
        </Tile>
        <Tile title="Kept out by apps" value={num(o.receipts['denied'] ?? 0)}>{o.receipts['fail_open'] ? <b class="badtext">{num(o.receipts['fail_open'])} failed open</b> : 'none failed open'}</Tile>
        <Tile title="Broker to decision" value={span(o.latencyMs[0] ?? 0)}>p95 {span(o.latencyMs[1] ?? 0)} · p99 {span(o.latencyMs[2] ?? 0)}</Tile>
        <Tile title="Messages taken" value={num(o.accepted)} href={link('/health', { window })}>{num(o.scored)} scored, {num(o.duplicate)} twice, {num(o.late)} late, {num(o.dead)} dead</Tile>
      </section>
      <section class="panel"><h2>Decisions, step-ups and denials <span class="dim">newest {o.lastDecided ? ago(o.lastDecided, now) : 'none'}{behind > 60_000 && ': quiet, or the sink is behind'}</span></h2>
        <Series of={o.series} step={o.stepSeconds} label={'The last ' + windows[window]} /></section>
      <div class="cols even">
        <section><h2>Users to look at first</h2>
          {d.users.length === 0 ? <p class="dim">Nobody stood out.</p> : <Table<TopUser> label="Users to look at first" rows={d.users} id={(u) => u.tenant + u.user} to={(u) => toUser(u.tenant, u.user)} columns={[
            { name: 'User', cell: (u) => <a href={toUser(u.tenant, u.user)}><Cut>{u.user}</Cut></a> },
            { name: 'Highest risk', width: '118px', right: true, cell: (u) => <Risk risk={u.worst} level={u.worst >= 50 ? 'high' : u.worst >= 20 ? 'medium' : 'low'} /> },
            { name: 'Asked', width: '58px', right: true, cell: (u) => num(u.asked) },
            { name: 'Denied', width: '62px', right: true, cell: (u) => num(u.denied) },
            { name: 'Places', width: '84px', wide: true, cell: (u) => <Cut>{u.countries.join(', ') || '–'}</Cut> },
            { name: 'Last', width: '112px', cell: (u) => <At t={u.last} now={d.asOf} /> },
          ]} />}
        </section>
        <section><h2>Latest step-ups <a class="more" href="/stepups">all</a></h2><Challenges of={d.challenges} by="user" now={d.asOf} none="Nobody had to prove anything in this time." /></section>
      </div>
    </>
  );
}
