import type { Investigation, Seen } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { num } from '../format';
import { toSession, toUser, useQuery, windows } from '../query';
import { At, Cut, Head, Risk, Tenants, Windows } from '../parts/bits';
import { Empty, Shown } from '../parts/states';
import { Table } from '../parts/table';

const kinds: [string, string, string][] = [['ip', 'IP address', '203.0.113.7'], ['device', 'Device token', 'd-7c1f…'], ['asn', 'Network (ASN)', 'AS3215']];

/** Who shares an address, a device or a network. */
export function Investigate() {
  const q = useQuery();
  const by = q.at('by', 'ip'), value = q.at('value'), window = q.at('window', '30d');
  const answer = useAnswer<Investigation>(value ? question('/api/investigate', { by, value, window, tenant: q.at('tenant') }) : null);
  const look = (e: Event) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    q.set({ by: form.get('by')!.toString(), value: form.get('value')!.toString().trim() });
  };
  return (
    <>
      <Head title="Who shares it" name={value ? 'Who shares ' + value : 'Investigate'}><Windows of={['24h', '7d', '30d', '90d']} otherwise="30d" /><Tenants of={answer.data?.tenants} /></Head>
      <form class="askfor" onSubmit={look} key={by + value}>
        <fieldset class="seg"><legend class="sr">Kind</legend>{kinds.map(([k, name]) => <label><input type="radio" name="by" value={k} defaultChecked={k === by} /><span>{name}</span></label>)}</fieldset>
        <input name="value" defaultValue={value} aria-label="Value to look for" placeholder={kinds.find(([k]) => k === by)![2]} maxLength={256} autocomplete="off" spellcheck={false} />
        <button class="primary">Look</button>
      </form>
      {!value ? <Empty title="Who shares an address, a device or a network?">Give one of them. Addresses, devices and networks in stories lead here, too.</Empty> : <Shown of={answer}>{(d) => <Body d={d} window={window} />}</Shown>}
    </>
  );
}

function Body({ d, window }: { d: Investigation; window: string }) {
  if (d.seen.length === 0) return <Empty title="Nobody">No user was seen with <bdi class="mono">{d.value}</bdi> in the last {windows[window]}.</Empty>;
  const blocked = d.seen.filter((s) => s.denies > 0).length;
  return (
    <section>
      <h2>{num(d.seen.length)} {d.seen.length === 1 ? 'user was' : 'users were'} seen with <bdi class="mono">{d.value}</bdi> <span class="dim">the riskiest first{blocked > 0 && `; ${blocked} of them denied`}</span></h2>
      <Table<Seen> label="Users seen with it" rows={d.seen} id={(s) => s.tenant + s.user} to={(s) => toUser(s.tenant, s.user)} columns={[
        { name: 'User', cell: (s) => <a href={toUser(s.tenant, s.user)}><Cut>{s.user}</Cut></a> },
        { name: 'Highest risk', width: '118px', right: true, cell: (s) => <Risk risk={s.worst} level={s.denies ? 'high' : s.stepUps ? 'medium' : 'low'} /> },
        { name: 'Decisions', width: '82px', right: true, cell: (s) => num(s.decisions) },
        { name: 'Failures', width: '74px', right: true, cell: (s) => num(s.failures) },
        { name: 'Step-ups', width: '76px', right: true, cell: (s) => num(s.stepUps) },
        { name: 'Denied', width: '66px', right: true, cell: (s) => num(s.denies) },
        { name: 'Sessions', width: '76px', right: true, wide: true, cell: (s) => num(s.sessions) },
        { name: 'Addresses', width: '84px', right: true, wide: true, cell: (s) => num(s.addresses) },
        { name: 'Last seen', width: '112px', cell: (s) => <a href={toSession(s.tenant, s.lastSession)}><At t={s.last} now={d.asOf} /></a> },
      ]} />
    </section>
  );
}
