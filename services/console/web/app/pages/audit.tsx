import type { Audit as Answer, AuditEntry } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { plain } from '../format';
import { useQuery } from '../query';
import { At, Cut, Field, Head, Windows } from '../parts/bits';
import { Empty, Shown } from '../parts/states';
import { Table } from '../parts/table';

/** Who looked at what, and did what; for admins. */
export function Audit() {
  const q = useQuery();
  const answer = useAnswer<Answer>(question('/api/audit', { window: q.at('window', '7d'), actor: q.at('actor'), user: q.at('user') }));
  return (
    <>
      <Head title="Audit" name="Audit"><Windows of={['24h', '7d', '30d', '90d']} otherwise="7d" /><Field label="Who" name="actor" size={14} /><Field label="About user" name="user" size={14} /></Head>
      <p class="dim small note">Every look at a person's story is written down before it is shown; this one, too.</p>
      <Shown of={answer}>{(d) => (d.entries.length === 0 ? <Empty title="Nothing">Nobody looked or did anything in this time.</Empty>
        : <Table<AuditEntry> label="Audit" rows={d.entries} id={(e) => `${e.at} ${e.actor} ${e.action} ${e.subject}`} columns={[
          { name: 'When', width: '112px', cell: (e) => <At t={e.at} now={d.asOf} /> },
          { name: 'Who', width: '17%', cell: (e) => <><Cut>{e.actor || '–'}</Cut><span class="dim small">{e.role}</span></> },
          { name: 'What', width: '150px', cell: (e) => <span class={e.action.endsWith('failed') ? 'badtext' : ''}>{plain(e.action)}</span> },
          { name: 'About', cell: (e) => <><Cut mono>{e.subject || '–'}</Cut>{e.tenant && <span class="dim small">{e.tenant}</span>}</> },
          { name: 'More', width: '24%', cell: (e) => <bdi class="two" title={e.detail}>{e.detail}</bdi> },
          { name: 'From', width: '130px', wide: true, cell: (e) => <Cut mono dim>{e.address}</Cut> },
        ]} />)}</Shown>
    </>
  );
}
