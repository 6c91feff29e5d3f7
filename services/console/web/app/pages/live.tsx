import { useEffect, useRef, useState } from 'preact/hooks';
import type { Live as LiveAnswer, Row, Tick } from '../api.gen';
import { question, useAnswer, whoAmI } from '../fetch';
import { ago, tone } from '../format';
import { paused } from '../keys';
import { toDecision, toSession, toUser, useQuery } from '../query';
import { At, Chip, Cut, Field, Head, Pick, Risk, Sensitivity, Tenants } from '../parts/bits';
import { Empty, Shown } from '../parts/states';
import { Table } from '../parts/table';

const most = 60;
const filters = ['tenant', 'user', 'action', 'level', 'country', 'kind', 'min_risk'];

/** The newest rows first, each once. */
export function merged(fresh: Row[], old: Row[]): Row[] {
  const seen = new Set(fresh.map((r) => r.key));
  return [...fresh, ...old.filter((r) => !seen.has(r.key))].slice(0, most);
}

/** Rows as they come, over server-sent events. */
function useStream(path: string): { rows: Row[]; fresh: Set<string>; tick: Tick | null; trouble: string } {
  const [state, set] = useState<{ path: string; rows: Row[]; fresh: Set<string>; tick: Tick | null; trouble: string }>({ path, rows: [], fresh: new Set(), tick: null, trouble: '' });
  const first = useRef(true);
  useEffect(() => {
    if (paused.value) return;
    first.current = true;
    const source = new EventSource(path);
    source.addEventListener('tick', (e) => {
      const tick = JSON.parse((e as MessageEvent<string>).data) as Tick;
      set((old) => ({ path, tick, trouble: '', rows: first.current && tick.rows.length > 0 ? tick.rows : merged(tick.rows, old.path === path ? old.rows : []), fresh: new Set(first.current ? [] : tick.rows.map((r) => r.key)) }));
      first.current = false;
    });
    source.addEventListener('problem', (e) => {
      const p = JSON.parse((e as MessageEvent<string>).data) as { code: string; message: string };
      if (p.code === 'signed_out') void whoAmI();
      set((old) => ({ ...old, trouble: p.message }));
    });
    source.onerror = () => { first.current = true; set((old) => ({ ...old, trouble: 'The feed broke off; trying again …' })); };
    return () => source.close();
  }, [path, paused.value]);
  return state.path === path ? state : { rows: [], fresh: new Set(), tick: null, trouble: '' };
}

export function Live() {
  const q = useQuery();
  const values = Object.fromEntries(filters.map((f) => [f, q.at(f)]));
  const answer = useAnswer<LiveAnswer>(question('/api/live', values));
  const stream = useStream(question('/api/live/stream', values));
  const filtered = filters.some((f) => q.at(f));
  return (
    <>
      <Head title="Live decisions" name="Live">
        <button type="button" aria-pressed={paused.value} onClick={() => { paused.value = !paused.value; }} title="Pause (p)">{paused.value ? 'Paused' : 'Pause'}</button>
        <Tenants of={answer.data?.tenants} />
        <Pick label="Decision" name="action" of={['allow', 'step_up', 'deny']} />
        <Pick label="Level" name="level" of={['low', 'medium', 'high']} />
        <Field label="Country" name="country" size={3} />
        <Field label="User" name="user" size={12} />
        {filtered && <button type="button" class="linklike" onClick={() => q.set(Object.fromEntries(filters.map((f) => [f, ''])))}>Clear</button>}
      </Head>
      <Shown of={answer}>{(d) => {
        const rows = stream.rows.length > 0 ? stream.rows : d.rows;
        const asOf = stream.tick?.asOf ?? d.asOf, last = stream.tick?.lastDecided ?? d.lastDecided;
        return (
          <>
            <p class="dim small note" aria-live="off">{stream.trouble ? <b class="warntext">{stream.trouble}</b> : <>{paused.value ? 'Paused. ' : ''}{last ? `Newest decision ${ago(last, Date.parse(asOf!))}.` : ''} Newest first, by riskd's clock.</>}</p>
            {rows.length === 0
              ? filtered ? <Empty title="No decision matches">Nothing of the last 30 days fits these filters.</Empty> : <Empty title="No decisions yet">Publish an event and it appears here within two seconds: <code>riskctl send</code>, the SDK, or <code>POST /v1/events</code>.</Empty>
              : <Feed rows={rows} fresh={stream.fresh} now={asOf} />}
          </>
        );
      }}</Shown>
    </>
  );
}

function Feed({ rows, fresh, now }: { rows: Row[]; fresh: Set<string>; now: string | null }) {
  return (
    <Table<Row> label="Latest decisions" rows={rows} fresh={fresh} id={(r) => r.key} to={(r) => toSession(r.tenant, r.session, r.eventId)} tone={(r) => 'edge ' + tone(r.action)} columns={[
      { name: 'Time', width: '112px', cell: (r) => <a href={toDecision(r.tenant, r.eventId)}><At t={r.decidedAt} now={now} /></a> },
      { name: 'User, session', width: '16%', cell: (r) => <><a href={toUser(r.tenant, r.user)}><Cut>{r.user}</Cut></a><a class="quietlink" href={toSession(r.tenant, r.session, r.eventId)}><Cut mono dim>{r.session}</Cut></a></> },
      { name: 'What, from where', width: '27%', cell: (r) => <><span class="cut" title={r.did}>{r.did} <Sensitivity of={r.sensitivity} /></span><Cut dim>{[r.where || 'place unknown', r.asOrg, r.network && r.network !== 'residential' ? r.network : ''].filter(Boolean).join(' · ')}</Cut></> },
      { name: 'Risk', width: '108px', right: true, cell: (r) => <Risk risk={r.risk} level={r.level} /> },
      { name: 'Decision', width: '84px', cell: (r) => (r.action === 'allow' ? <span class="dim">allow</span> : <Chip of={r.action} />) },
      { name: 'Why', wide: true, cell: (r) => <bdi class={'two' + (r.action === 'allow' ? ' dim' : '')} title={r.headline}>{r.headline}</bdi> },
    ]} />
  );
}
