import type { PolicyText } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { link, useQuery } from '../query';
import { Head } from '../parts/bits';
import { Deed } from '../parts/deed';
import { Shown } from '../parts/states';
import { may } from '../shell';

const marks: Record<string, string> = { same: ' ', old: '-', new: '+' };

/** One version: its text, what it changes, and what can be done with it. */
export function Policy() {
  const q = useQuery();
  const answer = useAnswer<PolicyText>(question('/api/policy', { tenant: q.at('tenant'), version: q.at('version'), against: q.at('against') }));
  const of = { tenant: answer.data?.tenant ?? q.at('tenant'), version: q.at('version') };
  return (
    <>
      <Head title={<bdi class="mono wrap">{of.version}</bdi>} name={of.version}>
        {may('analyst') && <a class="button" href={link('/backtest', of)}>Change and try</a>}
        {may('admin') && <Deed label="Approve" title="Approve this version" does="It may be put in force. Under the two-person rule this takes somebody who is not its author." of={{ do: 'approve', ...of }} done={answer.again} />}
        {may('admin') && <Deed label="Put in force" title="Put this version in force" does="It judges from each worker's next record on; the users beyond the share stay with what is in force." shares of={{ do: 'activate', ...of }} done={answer.again} />}
      </Head>
      <Shown of={answer}>{(d) => (
        <section>
          {d.against
            ? <><h2>Against <bdi class="mono">{d.against}</bdi>, which is in force</h2>
              <pre class="code diff" tabIndex={0} aria-label="Difference">{d.lines.map((l) => <span class={'line ' + l.kind}>{marks[l.kind]}{' '}{l.text}{'\n'}</span>)}</pre></>
            : <pre class="code" tabIndex={0} aria-label="Text of the policy">{d.text}</pre>}
        </section>
      )}</Shown>
    </>
  );
}
