import type { Asked, CauseFunnel, Fatigue as Answer, Gap, Week } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { date, num, percent, span, two } from '../format';
import { toSession, toUser, useQuery } from '../query';
import { At, Chip, Cut, Head, Tenants, Windows } from '../parts/bits';
import { Shown } from '../parts/states';
import { Table } from '../parts/table';

export function Fatigue() {
  const q = useQuery();
  const answer = useAnswer<Answer>(question('/api/fatigue', { window: q.at('window', '30d'), tenant: q.at('tenant') }));
  return (
    <>
      <Head title="Funnel and fatigue" name="Funnel and fatigue"><Windows of={['24h', '7d', '30d', '90d']} otherwise="30d" /><Tenants of={answer.data?.tenants} /></Head>
      <Shown of={answer}>{(d) => <Body d={d} />}</Shown>
    </>
  );
}

/** How many of the asked got so far, as a bar with its number. */
function Share({ n, of, tone }: { n: number; of: number; tone: string }) {
  return <span class="share" title={percent(n, of)}><svg viewBox="0 0 60 6" width="60" height="6" aria-hidden="true"><rect class="track" width="60" height="6" rx="3" /><rect class={'fill ' + tone} width={of ? (60 * n) / of : 0} height="6" rx="3" /></svg>{num(n)}</span>;
}

function Body({ d }: { d: Answer }) {
  return (
    <>
      <section><h2>What became of challenges, by cause</h2>
        {d.causes.length === 0 ? <p class="dim">Nobody had to prove anything in this time.</p> : <Table<CauseFunnel> label="Challenges by cause" rows={d.causes} id={(c) => c.cause} columns={[
          { name: 'Cause', cell: (c) => <bdi class="two">{c.words}</bdi> },
          { name: 'Asked', width: '70px', right: true, cell: (c) => num(c.asked) },
          { name: 'Shown', width: '120px', right: true, cell: (c) => <Share n={c.shown} of={c.asked} tone="none" /> },
          { name: 'Passed', width: '120px', right: true, cell: (c) => <Share n={c.satisfied} of={c.asked} tone="good" /> },
          { name: 'Denied', width: '120px', right: true, cell: (c) => <Share n={c.denied} of={c.asked} tone="bad" /> },
          { name: 'Expired', width: '120px', right: true, cell: (c) => <Share n={c.expired} of={c.asked} tone="bad" /> },
          { name: 'Open', width: '60px', right: true, cell: (c) => num(c.open) },
          { name: 'Failed attempts', width: '80px', right: true, wide: true, cell: (c) => num(c.failedAttempts) },
          { name: 'Median to pass', width: '90px', right: true, wide: true, cell: (c) => (c.satisfied ? span(c.toAnswerMs) : '–') },
        ]} />}
      </section>
      <div class="cols even">
        <section><h2>How often honest users are asked, by week</h2>
          {d.weeks.length === 0 ? <p class="dim">No decisions in these weeks.</p> : <Table<Week> label="Prompts by week" rows={d.weeks} id={(w) => w.monday!} columns={[
            { name: 'Week from', cell: (w) => <span class="num">{date(w.monday)}</span> },
            { name: 'Active users', width: '88px', right: true, cell: (w) => num(w.activeUsers) },
            { name: 'Challenges', width: '84px', right: true, cell: (w) => num(w.challenges) },
            { name: 'Of honest', width: '80px', right: true, cell: (w) => num(w.honest) },
            { name: 'Per user', width: '70px', right: true, cell: (w) => <b>{two(w.perUser)}</b> },
            { name: 'Most of one', width: '84px', right: true, wide: true, cell: (w) => num(w.mostOne) },
          ]} />}
          <p class="dim small">Honest: not ended in a denial, and the session judged no attack by anybody.</p>
        </section>
        <section><h2>Users asked most often</h2>
          {d.most.length === 0 ? <p class="dim">Nobody was asked.</p> : <Table<Asked> label="Users asked most often" rows={d.most.slice(0, 12)} id={(u) => u.tenant + u.user} to={(u) => toUser(u.tenant, u.user)} columns={[
            { name: 'User', cell: (u) => <a href={toUser(u.tenant, u.user)}><Cut>{u.user}</Cut></a> },
            { name: 'Asked', width: '60px', right: true, cell: (u) => num(u.asked) },
            { name: 'Passed', width: '62px', right: true, cell: (u) => num(u.satisfied) },
            { name: 'Denied', width: '62px', right: true, cell: (u) => num(u.denied) },
            { name: 'Expired', width: '64px', right: true, cell: (u) => num(u.expired) },
            { name: 'Last asked', width: '112px', cell: (u) => <At t={u.last} now={d.asOf} /> },
          ]} />}
        </section>
      </div>
      <section><h2>Where a flag did not hold</h2>
        {d.gaps.length === 0 ? <p class="dim">Nowhere: every flag was reported, and nothing got through.</p> : <Table<Gap> label="Gaps" rows={d.gaps} id={(g) => g.kind + g.session + g.at} to={(g) => toSession(g.tenant, g.session)} columns={[
          { name: 'When', width: '112px', cell: (g) => <At t={g.at} now={d.asOf} /> },
          { name: 'What', width: '110px', cell: (g) => <Chip of={g.kind} /> },
          { name: 'User', width: '22%', cell: (g) => <a href={toUser(g.tenant, g.user)}><Cut>{g.user}</Cut></a> },
          { name: 'Session', width: '28%', cell: (g) => <a href={toSession(g.tenant, g.session)}><Cut mono>{g.session}</Cut></a> },
          { name: 'Detail', cell: (g) => <Cut>{g.what}</Cut> },
        ]} />}
        <p class="dim small">let through: an access succeeded while its session was blocked. no receipt: no app reported the flag within 10 minutes, which is also so when the user never came back.</p>
      </section>
    </>
  );
}
