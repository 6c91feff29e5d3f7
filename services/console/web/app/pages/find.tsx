import { useEffect } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Found } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { num } from '../format';
import { toDecision, toSession, toUser, useQuery } from '../query';
import { At, Chip, Cut, Head } from '../parts/bits';
import { Empty, Shown } from '../parts/states';
import { Table } from '../parts/table';

const to = (f: Found): string => (f.kind === 'user' ? toUser(f.tenant, f.id) : f.kind === 'event' ? toDecision(f.tenant, f.id) : toSession(f.tenant, f.id));

/** What has this name; one thing alone is gone to. */
export function Find() {
  const q = useQuery(), loc = useLocation();
  const answer = useAnswer<Found[]>(q.at('q') ? question('/api/find', { q: q.at('q') }) : null);
  const only = answer.data?.length === 1 && !answer.loading ? answer.data[0] : undefined;
  useEffect(() => { if (only) loc.route(to(only), true); }, [only]);
  return (
    <>
      <Head title={<>Search for <bdi class="mono wrap">{q.at('q')}</bdi></>} name="Search" />
      <Shown of={answer}>{(d) => (d.length === 0
        ? <Empty title="Nothing has this id">Users, sessions, events and challenges are found by their whole id. What happened in the last second or two is not here yet.</Empty>
        : <Table<Found> label="Found" rows={d} id={(f) => f.kind + f.tenant + f.id} to={to} columns={[
          { name: 'What', width: '110px', cell: (f) => <Chip of="none">{f.kind}</Chip> },
          { name: 'Id', cell: (f) => <a href={to(f)}><Cut mono>{f.id}</Cut></a> },
          { name: 'Tenant', width: '20%', cell: (f) => <Cut>{f.tenant}</Cut> },
          { name: 'Rows', width: '90px', right: true, cell: (f) => num(f.rows) },
          { name: 'Last', width: '130px', cell: (f) => <At t={f.last} /> },
        ]} />)}</Shown>
    </>
  );
}
