import type { Policies as Answer, PolicyChange, PolicyVersion, Rule } from '../api.gen';
import { useAnswer } from '../fetch';
import { num, plain } from '../format';
import { link } from '../query';
import { At, Chip, Cut, Head } from '../parts/bits';
import { Deed } from '../parts/deed';
import { Shown } from '../parts/states';
import { Table } from '../parts/table';
import { may } from '../shell';

export const toPolicy = (v: { tenant: string; version: string }): string => link('/policy', { tenant: v.tenant, version: v.version });

/** Every version of every policy, what is in force, and what was done with them. */
export function Policies() {
  const answer = useAnswer<Answer>('/api/policies', 15_000);
  return (
    <>
      <Head title="Policies" name="Policies">{may('analyst') && <a class="button" href="/backtest">Write and try one</a>}</Head>
      <Shown of={answer}>{(d) => (
        <>
          <p class="dim small note">{d.twoPerson ? 'The two-person rule is on: a version needs an approver who is not its author.' : 'Authors may put their own versions in force: riskctl policy two-person on changes that.'}</p>
          <section><h2>Versions</h2>
            {d.versions.length === 0 ? <p class="dim">None is stored: what riskd was started with judges everybody.</p> : <Table<PolicyVersion> label="Versions" rows={d.versions} id={(v) => v.tenant + ' ' + v.version} to={toPolicy} tone={(v) => (v.share > 0 ? 'marked' : '')} columns={[
              { name: 'Version', width: '20%', cell: (v) => <a href={toPolicy(v)}><Cut mono>{v.version}</Cut></a> },
              { name: 'Tenant', width: '12%', wide: true, cell: (v) => <Cut dim>{v.tenant || 'all'}</Cut> },
              { name: 'In force', width: '96px', cell: (v) => (v.share > 0 ? <Chip of="satisfied">{v.share} % of users</Chip> : <span class="dim">no</span>) },
              { name: 'By', width: '14%', cell: (v) => <Cut>{v.author}</Cut> },
              { name: 'Approved', width: '14%', wide: true, cell: (v) => <Cut dim>{v.approver || '–'}</Cut> },
              { name: 'Stored', width: '112px', cell: (v) => <At t={v.pushedAt} now={d.asOf} /> },
              { name: 'Why', cell: (v) => <bdi class="two" title={v.reason}>{v.reason}</bdi> },
            ]} />}
            {may('admin') && d.changes.some((c) => c.kind === 'activated') && <Deed label="Roll back" title="Put in force what was before" does="What judged all tenants before judges again, from each worker's next record on." danger of={{ do: 'rollback', tenant: '', version: '' }} done={answer.again} />}
          </section>
          <section><h2>Rules in shadow <span class="dim">what they would have applied to in 7 days</span></h2>
            {d.tried.length === 0 ? <p class="dim">No rule in shadow applied.</p> : <Table<Rule> label="Rules in shadow" rows={d.tried} id={(r) => r.rule} columns={[
              { name: 'Rule', cell: (r) => <b>{plain(r.rule)}</b> },
              { name: 'Decisions', width: '90px', right: true, cell: (r) => num(r.decisions) },
              { name: 'Users', width: '80px', right: true, cell: (r) => num(r.users) },
              { name: 'Sessions', width: '90px', right: true, cell: (r) => num(r.sessions) },
              { name: 'Last', width: '112px', cell: (r) => <At t={r.last} now={d.asOf} /> },
            ]} />}
          </section>
          <section><h2>What was done</h2>
            {d.changes.length === 0 ? <p class="dim">Nothing yet.</p> : <Table<PolicyChange> label="Changes" rows={d.changes} id={(c) => String(c.n)} columns={[
              { name: 'No.', width: '56px', right: true, cell: (c) => num(c.n) },
              { name: 'When', width: '112px', cell: (c) => <At t={c.at} now={d.asOf} /> },
              { name: 'What', width: '150px', cell: (c) => plain(c.kind) + (c.kind === 'activated' && c.share < 100 ? ` for ${c.share} %` : '') },
              { name: 'Version', width: '20%', cell: (c) => <Cut mono>{c.version || '–'}</Cut> },
              { name: 'By', width: '14%', cell: (c) => <Cut>{c.author}</Cut> },
              { name: 'Why', cell: (c) => <bdi class="two" title={c.reason}>{c.reason}</bdi> },
            ]} />}
          </section>
        </>
      )}</Shown>
    </>
  );
}
