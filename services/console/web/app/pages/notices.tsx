import { useRef } from 'preact/hooks';
import type { Notice, Notices as Answer } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { capital, count, num, plain, risk, tone } from '../format';
import { paused } from '../keys';
import { link, toDecision, toSession, toUser, useQuery } from '../query';
import { At, Chip, Cut, Field, Head, Pick, Tenants, Tile, Windows } from '../parts/bits';
import { Empty, Shown } from '../parts/states';
import { Table } from '../parts/table';
import { toPolicy } from './policies';

const filters = ['tenant', 'user', 'rule'];
/** How many rules have a tile. */
const most = 6;

/** Keys that were not there when the same question was answered before. */
function useFresh(path: string, keys: string[]): Set<string> {
  const seen = useRef<{ path: string; keys: Set<string>; fresh: Set<string> }>({ path: '', keys: new Set(), fresh: new Set() });
  const s = seen.current;
  if (s.path !== path) seen.current = { path, keys: new Set(keys), fresh: new Set() };
  else if (keys.some((k) => !s.keys.has(k))) seen.current = { path, keys: new Set(keys), fresh: new Set(keys.filter((k) => !s.keys.has(k))) };
  return seen.current.fresh;
}

/** What rules that only notify have said: of whom, by which rule and version, when. */
export function Notices() {
  const q = useQuery();
  const window = q.at('window', '7d');
  const path = question('/api/notices', { window, ...Object.fromEntries(filters.map((f) => [f, q.at(f)])) });
  const answer = useAnswer<Answer>(path, paused.value ? 0 : 3000);
  const filtered = filters.some((f) => q.at(f));
  return (
    <>
      <Head title="Notices" name="Notices">
        <Windows of={['1h', '24h', '7d', '30d']} otherwise="7d" />
        <Tenants of={answer.data?.tenants} />
        <Pick label="Rule" name="rule" of={rules(answer.data, q.at('rule'))} />
        <Field label="User" name="user" size={12} />
        {filtered && <button type="button" class="linklike" onClick={() => q.set(Object.fromEntries(filters.map((f) => [f, ''])))}>Clear</button>}
        <button type="button" aria-pressed={paused.value} onClick={() => { paused.value = !paused.value; }} title="Pause (p)">{paused.value ? 'Paused' : 'Pause'}</button>
      </Head>
      <p class="dim small note">What rules with the action <code>notify</code> have seen, the newest first. Nobody was asked or kept out by them; apps hear the same.</p>
      <Shown of={answer}>{(d) => (d.notices.length === 0
        ? filtered ? <Empty title="No notice matches">No rule spoke of that in this time. Another span, or fewer filters, may find more.</Empty>
          : <Empty title="No notices">A rule with <code>then: notify</code> tells here what it sees, and none did in this time. Rules are written and tried under <a class="inline" href="/backtest">Backtest</a>.</Empty>
        : <>
          {d.rules.length > 1 && <section class="tiles" aria-label="By rule">
            {d.rules.slice(0, most).map((r) => <Tile title={plain(r.rule)} value={num(r.notices)} href={link('/notices', { window: q.at('window'), tenant: q.at('tenant'), user: q.at('user'), rule: q.at('rule') === r.rule ? '' : r.rule })}>{count(r.users, 'user')}, last <At t={r.last} now={d.asOf} /></Tile>)}
          </section>}
          <List of={d} path={path} window={q.at('window')} />
        </>
      )}</Shown>
    </>
  );
}

/** The rules to choose from: those that spoke, and the chosen one. */
function rules(d: Answer | null, chosen: string): string[] {
  const names = d?.rules.map((r) => r.rule) ?? [];
  return chosen && !names.includes(chosen) ? [chosen, ...names] : names;
}

function List({ of: d, path, window }: { of: Answer; path: string; window: string }) {
  const fresh = useFresh(path, d.notices.map((n) => n.key));
  return (
    <>
      <Table<Notice> label="Notices" rows={d.notices} fresh={fresh} id={(n) => n.key} to={(n) => toSession(n.tenant, n.session, n.eventId)} tone={(n) => 'edge ' + tone(n.decision)} columns={[
        { name: 'Time', width: '112px', cell: (n) => <a href={toDecision(n.tenant, n.eventId)}><At t={n.time} now={d.asOf} /></a> },
        { name: 'User, session', width: '17%', cell: (n) => <><a href={toUser(n.tenant, n.user)}><Cut>{n.user}</Cut></a><a class="quietlink" href={toSession(n.tenant, n.session, n.eventId)}><Cut mono dim>{n.session}</Cut></a></> },
        { name: 'What was noticed', cell: (n) => <><bdi class="two" title={n.words}>{n.words || capital(plain(n.rule))}</bdi><Cut dim>{n.did}</Cut></> },
        { name: 'By rule and version', width: '23%', cell: (n) => <><a href={link('/rules', { rule: n.rule, window })}><Cut title={n.rule}>{plain(n.rule)}</Cut></a><a class="quietlink" href={toPolicy({ tenant: n.tenant, version: n.policy })}><Cut mono dim>{n.policy}</Cut></a></> },
        { name: 'Risk', width: '62px', right: true, wide: true, cell: (n) => risk(n.risk) },
        { name: 'Decided', width: '84px', cell: (n) => (n.decision === 'allow' ? <span class="dim">allow</span> : <Chip of={n.decision} />) },
      ]} />
      {d.notices.length >= 200 && <p class="dim small">The newest 200 are shown; filter, or take a shorter span.</p>}
    </>
  );
}
