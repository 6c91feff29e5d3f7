import type { Evidence, Rule, Rules as Answer } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { nats, num, one, plain } from '../format';
import { useQuery } from '../query';
import { At, Chip, Head, Tenants, Windows } from '../parts/bits';
import { Shown } from '../parts/states';
import { Table } from '../parts/table';

export function Rules() {
  const q = useQuery();
  const answer = useAnswer<Answer>(question('/api/rules', { window: q.at('window', '24h'), tenant: q.at('tenant') }), 10_000);
  const marked = q.at('rule');
  return (
    <>
      <Head title="Rules and evidence" name="Rules"><Windows of={['1h', '24h', '7d', '30d']} otherwise="24h" /><Tenants of={answer.data?.tenants} /></Head>
      <Shown of={answer}>{(d) => (
        <>
          <section><h2>Rules of the policy, by how often they applied</h2>
            {d.rules.length === 0 ? <p class="dim">No rule applied in this time.</p> : <Table<Rule> label="Rules" rows={d.rules} id={(r) => r.rule + r.tried} tone={(r) => (r.rule === marked ? 'marked' : '')} columns={[
              { name: 'Rule', cell: (r) => <><b>{plain(r.rule)}</b> {r.tried && <Chip of="none">only tried</Chip>}<bdi class="cut dim" title={r.words}>{r.words}</bdi></> },
              { name: 'Decisions', width: '84px', right: true, cell: (r) => num(r.decisions) },
              { name: 'Users', width: '66px', right: true, cell: (r) => num(r.users) },
              { name: 'Sessions', width: '76px', right: true, wide: true, cell: (r) => num(r.sessions) },
              { name: 'Step-ups', width: '76px', right: true, cell: (r) => num(r.stepUps) },
              { name: 'Denied', width: '66px', right: true, cell: (r) => num(r.denies) },
              { name: 'Mean risk', width: '80px', right: true, cell: (r) => one(r.meanRisk) },
              { name: 'Last', width: '112px', cell: (r) => <At t={r.last} now={d.asOf} /> },
            ]} />}
          </section>
          <section><h2>Evidence, by how often it counted <span class="dim">event time, in whole hours</span></h2>
            {d.evidence.length === 0 ? <p class="dim">Nothing spoke against anybody in this time.</p> : <Table<Evidence> label="Evidence" rows={d.evidence} id={(e) => e.code} columns={[
              { name: 'Evidence', cell: (e) => <><b>{e.title}</b> <span class="dim mono small">{e.code}</span></> },
              { name: 'Counted', width: '84px', right: true, cell: (e) => num(e.hits) },
              { name: 'With step-up', width: '100px', right: true, cell: (e) => num(e.stepUps) },
              { name: 'With denial', width: '92px', right: true, cell: (e) => num(e.denies) },
              { name: 'Mean nats', width: '84px', right: true, cell: (e) => nats(e.meanNats) },
              { name: 'Strongest', width: '84px', right: true, cell: (e) => nats(e.maxNats) },
            ]} />}
          </section>
        </>
      )}</Shown>
    </>
  );
}
