import type { Calibration as Answer, CalibrationStep } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { num, one } from '../format';
import { useQuery } from '../query';
import { Head, Tenants, Windows } from '../parts/bits';
import { Shown } from '../parts/states';
import { Table } from '../parts/table';

/** The reliability curve: what the risk said, against what turned out. On the diagonal it keeps its word. */
export function Calibration() {
  const q = useQuery();
  const answer = useAnswer<Answer>(question('/api/calibration', { window: q.at('window', '30d'), tenant: q.at('tenant') }));
  return (
    <>
      <Head title="Does the risk keep its word?" name="Calibration"><Windows of={['7d', '30d', '90d']} otherwise="30d" /><Tenants of={answer.data?.tenants} /></Head>
      <p class="dim small note">Known are challenges that were passed (the owner) or ended in a denial (not the owner), and events that people judged. Sessions nobody was asked about and nobody judged are not in it, so low risks are known by labels alone.</p>
      <Shown of={answer}>{(d) => (d.steps.length === 0 ? <p class="dim">Nothing is known yet: no challenge was answered and no event judged in this time.</p> : (
        <>
          <section><h2>Reliability</h2><Curve steps={d.steps} /></section>
          <section><Table<CalibrationStep> label="Steps" rows={d.steps} id={(s) => String(s.from)} columns={[
            { name: 'Risk', cell: (s) => `${s.from} to ${s.from + 10}` },
            { name: 'Known', width: '90px', right: true, cell: (s) => num(s.known) },
            { name: 'Attacks', width: '90px', right: true, cell: (s) => num(s.attacks) },
            { name: 'Risk said %', width: '110px', right: true, cell: (s) => one(s.said) },
            { name: 'It was %', width: '100px', right: true, cell: (s) => one(s.was) },
            { name: 'By challenges', width: '110px', right: true, wide: true, cell: (s) => num(s.byChallenge) },
            { name: 'By labels', width: '100px', right: true, wide: true, cell: (s) => num(s.byLabel) },
          ]} /></section>
        </>
      ))}</Shown>
    </>
  );
}

const size = 320, edge = 34;
const x = (v: number) => edge + (v / 100) * (size - edge - 8);
const y = (v: number) => size - edge - (v / 100) * (size - edge - 8);

function Curve({ steps }: { steps: CalibrationStep[] }) {
  const most = Math.max(...steps.map((s) => s.known));
  const says = steps.map((s) => `risk ${one(s.said)}: ${one(s.was)} % of ${s.known}`).join('; ');
  return (
    <svg class="curve" viewBox={`0 0 ${size} ${size}`} width={size} height={size} role="img" aria-label={'Reliability curve: ' + says}>
      {[0, 25, 50, 75, 100].map((v) => <>
        <line class="grid" x1={x(v)} x2={x(v)} y1={y(0)} y2={y(100)} /><line class="grid" x1={x(0)} x2={x(100)} y1={y(v)} y2={y(v)} />
        <text x={x(v)} y={size - 14} text-anchor="middle">{v}</text><text x={edge - 6} y={y(v) + 4} text-anchor="end">{v}</text>
      </>)}
      <line class="ideal" x1={x(0)} y1={y(0)} x2={x(100)} y2={y(100)} />
      <polyline class="was" points={steps.map((s) => `${x(s.said)},${y(s.was)}`).join(' ')} />
      {steps.map((s) => <circle class="was" cx={x(s.said)} cy={y(s.was)} r={3 + 7 * Math.sqrt(s.known / most)}><title>{`risk ${one(s.said)}: ${one(s.was)} % of ${s.known} were attacks`}</title></circle>)}
    </svg>
  );
}
