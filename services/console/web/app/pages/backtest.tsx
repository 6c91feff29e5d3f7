import { useEffect, useState } from 'preact/hooks';
import type { Differs, PolicyText, Report, Trial, TrialRule, Trying, Turned } from '../api.gen';
import { get, post, question, Trouble, useAnswer } from '../fetch';
import { num, one, plain, span } from '../format';
import { toSession, useQuery } from '../query';
import { At, Chip, Cut, Head } from '../parts/bits';
import { Deed } from '../parts/deed';
import { Shown } from '../parts/states';
import { Table } from '../parts/table';
import { toPolicy } from './policies';
import { may } from '../shell';

/** The numbers that have a slider: moving it sets one, and the box takes that back. */
const sliders: { key: string; name: string; min: number; max: number; step: number; start: number; said?: (n: number) => string }[] = [
  { key: 'thresholds.step_up', name: 'Step-up from risk', min: 21, max: 89, step: 1, start: 50 },
  { key: 'thresholds.severe', name: 'Severe from risk', min: 60, max: 100, step: 1, start: 90 },
  { key: 'thresholds.adaptive.rate', name: 'Sessions to ask, percent', min: 0, max: 5, step: 0.1, start: 0, said: (n) => (n === 0 ? 'fixed' : n + ' %') },
  { key: 'friction.cool_down', name: 'Cool-down', min: 0, max: 86400, step: 300, start: 3600, said: (n) => (n === 0 ? 'none' : span(n * 1000)) },
  { key: 'friction.prompts', name: 'Prompts per day', min: 1, max: 8, step: 1, start: 3 },
  { key: 'friction.hysteresis', name: 'Hysteresis, points', min: 0, max: 20, step: 1, start: 5 },
];

const example = `id: mine
rules:
  - name: export_elsewhere
    when: event.action == "resource.export" && !profile.network_known
    then: {step_up: {acr: aal2, max_age: 15m}}
    reason:
      user: Please confirm this export.
      analyst: An export from a network that is new for this user.
`;

/** Plays history through a changed policy, and shows what would be otherwise. */
export function Backtest() {
  const q = useQuery();
  const [text, setText] = useState(example);
  const [values, setValues] = useState<Record<string, number>>({});
  const [wrong, setWrong] = useState('');
  const [stored, setStored] = useState('');
  const trying = useAnswer<Trying>('/api/backtest', 2000);
  const version = q.at('version');
  useEffect(() => {
    if (version) void get<PolicyText>(question('/api/policy', { tenant: q.at('tenant'), version })).then((p) => setText(p.text), (e) => setWrong(String(e.message ?? e)));
  }, [version]);
  const running = trying.data?.state === 'running';
  const start = async (e: Event) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    setWrong('');
    try {
      await post<Trying>('/api/backtest', { text, values, from: String(form.get('from')), to: String(form.get('to')), source: String(form.get('source')) } satisfies Trial);
      trying.again();
    } catch (err) {
      setWrong(err instanceof Trouble ? err.message : String(err));
    }
  };
  return (
    <>
      <Head title="Backtest" name="Backtest" />
      <p class="dim small note">All that is on record, with all state, through what was live and through this policy. Nothing is written, and nothing changes for anybody.</p>
      {may('analyst') && <form class="trial" onSubmit={start}>
        <label class="block">Policy <textarea name="text" rows={16} spellcheck={false} class="mono" value={text} onInput={(e) => setText(e.currentTarget.value)} /></label>
        <fieldset class="sliders"><legend>Numbers to set</legend>
          {sliders.map((s) => <label>
            <span><input type="checkbox" checked={s.key in values} onChange={(e) => setValues((v) => { const n = { ...v }; if (e.currentTarget.checked) n[s.key] = s.start; else delete n[s.key]; return n; })} /> {s.name}</span>
            <input type="range" aria-label={s.name} class={s.key in values ? '' : 'unset'} min={s.min} max={s.max} step={s.step} value={values[s.key] ?? s.start} onInput={(e) => { const n = Number(e.currentTarget.value); setValues((v) => ({ ...v, [s.key]: n })); }} />
            <output class="num">{s.key in values ? (s.said ?? String)(values[s.key]!) : 'as written'}</output>
          </label>)}
          <label class="pick">Count from <input type="date" name="from" /></label><label class="pick">to <input type="date" name="to" /></label>
          <label class="pick">History in <select name="source"><option value="clickhouse">ClickHouse</option><option value="journal">the journal</option></select></label>
          <button class="primary" disabled={running}>{running ? 'Running' : 'Run'}</button>
        </fieldset>
      </form>}
      {wrong && <p class="badtext lines" role="alert">{wrong}</p>}
      <Shown of={trying}>{(d) => (
        <>
          {d.state === 'running' && <p role="status"><progress aria-label="Backtest" /> {num(d.events)} events, started by {d.by}</p>}
          {d.state === 'failed' && <p class="badtext lines" role="alert">{d.problem}</p>}
          {d.report && <Changes of={d.report} />}
          {d.report && may('analyst') && (stored
            ? <p>Stored as <a href={toPolicy({ tenant: '', version: stored })}><bdi class="mono">{stored}</bdi></a>; nothing judges by it yet.</p>
            : <p><Deed label="Store this version" title="Store this version" does="It is kept with your name. Nothing judges by it before an admin puts it in force." of={{ do: 'push', tenant: '', version: '', text: d.text }} done={(c) => setStored(c.version)} /></p>)}
        </>
      )}</Shown>
    </>
  );
}

/** How much more or less, in percent. */
function change(live: number, next: number): string {
  if (live === next) return 'none';
  if (live === 0) return 'new';
  const p = (100 * (next - live)) / live;
  return (p > 0 ? '+' : '−') + (Math.abs(p) < 10 ? one(Math.abs(p)) : num(Math.abs(p))) + ' %';
}

function Changes({ of: r }: { of: Report }) {
  const rows = [
    { name: 'Prompts', live: num(r.live.prompts), next: num(r.new.prompts), by: change(r.live.prompts, r.new.prompts) },
    { name: 'Prompts per user and week', live: r.live.perUserAndWeek.toFixed(4), next: r.new.perUserAndWeek.toFixed(4), by: change(r.live.perUserAndWeek, r.new.perUserAndWeek) },
    { name: 'Users asked', live: num(r.live.users), next: num(r.new.users), by: change(r.live.users, r.new.users) },
    { name: 'Sessions questioned or shut', live: num(r.live.sessions), next: num(r.new.sessions), by: change(r.live.sessions, r.new.sessions) },
    { name: 'Attacks caught', live: num(r.caught), next: num(r.caught - r.countMissed), by: change(r.caught, r.caught - r.countMissed) },
  ];
  return (
    <>
      <section><h2>{num(r.events)} events of {num(r.users)} users <span class="dim">in {one(r.seconds)} s</span></h2>
        <p class="small dim">{r.recorded === 0 ? 'History holds no decisions to compare with.' : `${num(r.reproduced)} of ${num(r.recorded)} decisions on record came again byte for byte.`} {r.assumed > 0 && `${num(r.assumed)} answers are assumed: a challenge that history does not answer counts as passed when its session goes on.`}</p>
        <Table label="Figures" rows={rows} id={(x) => x.name} columns={[
          { name: '', cell: (x) => x.name }, { name: 'Live', width: '110px', right: true, cell: (x) => x.live }, { name: 'New', width: '110px', right: true, cell: (x) => <b>{x.next}</b> },
          { name: 'Change', width: '110px', right: true, cell: (x) => x.by },
        ]} />
      </section>
      {r.countMissed > 0 && <Sessions title={`Attacks that would not be questioned: ${num(r.countMissed)}`} rows={r.missed} bad />}
      <section><h2>By rule</h2>
        <Table<TrialRule> label="By rule" rows={r.rules} id={(x) => x.rule} columns={[
          { name: 'Rule', cell: (x) => <b>{plain(x.rule)}</b> },
          { name: 'Prompts live', width: '104px', right: true, cell: (x) => num(x.livePrompts) }, { name: 'new', width: '80px', right: true, cell: (x) => num(x.newPrompts) },
          { name: 'Shut live', width: '90px', right: true, cell: (x) => num(x.liveDenials) }, { name: 'new', width: '80px', right: true, cell: (x) => num(x.newDenials) },
          { name: 'In shadow', width: '90px', right: true, cell: (x) => num(x.newShadow) },
        ]} />
      </section>
      <section><h2>Decisions that change</h2>
        {r.changed.length === 0 ? <p class="dim">None.</p> : <Table<Turned> label="Decisions that change" rows={r.changed} id={(t) => t.from + t.to} columns={[
          { name: 'From', width: '120px', cell: (t) => <Chip of={t.from} /> }, { name: 'to', width: '120px', cell: (t) => <Chip of={t.to} /> }, { name: 'Events', cell: (t) => num(t.events) },
        ]} />}
      </section>
      <Sessions title={`Questioned only under the new policy: ${num(r.countNewly)}`} rows={r.newly} />
      <Sessions title={`No longer questioned: ${num(r.countLess)}`} rows={r.noLonger} />
    </>
  );
}

const Sessions = ({ title, rows, bad }: { title: string; rows: Differs[]; bad?: boolean }) => (
  <section><h2 class={bad ? 'badtext' : ''}>{title}</h2>
    {rows.length > 0 && <Table<Differs> label={title} rows={rows} id={(s) => s.tenant + s.user + s.session} to={(s) => toSession(s.tenant, s.session, s.event)} columns={[
      { name: 'User', width: '22%', cell: (s) => <Cut>{s.user}</Cut> },
      { name: 'Session', cell: (s) => <a href={toSession(s.tenant, s.session, s.event)}><Cut mono>{s.session}</Cut></a> },
      { name: 'When', width: '130px', cell: (s) => <At t={s.at} /> },
      { name: 'Risk', width: '70px', right: true, cell: (s) => one(s.risk) },
      { name: 'By', width: '20%', cell: (s) => plain(s.rule) },
    ]} />}
  </section>
);
