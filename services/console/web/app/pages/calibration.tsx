import type { Calibration as Answer, CalibrationStep } from '../api.gen';
import { question, useAnswer } from '../fetch';
import { count, num, one } from '../format';
import { useQuery } from '../query';
import { Chip, Head, Tenants, Windows } from '../parts/bits';
import { Empty, Shown } from '../parts/states';
import { Table } from '../parts/table';

/** The reliability curve: what the risk said, against what turned out. On the diagonal it keeps its word. */
export function Calibration() {
  const q = useQuery();
  const answer = useAnswer<Answer>(question('/api/calibration', { window: q.at('window', '30d'), tenant: q.at('tenant') }));
  return (
    <>
      <Head title="Does the risk keep its word?" name="Calibration"><Windows of={['7d', '30d', '90d']} otherwise="30d" /><Tenants of={answer.data?.tenants} /></Head>
      <p class="dim small note">Known are challenges that were passed (the owner) or ended in a denial (not the owner), and events that people judged. Sessions nobody was asked about and nobody judged are not in it, so low risks are known by labels alone.</p>
      <Shown of={answer}>{(d) => (d.steps.length === 0 ? <Empty title="Nothing is known yet">No challenge was answered and no event judged in this time. Say of an event in a session’s story what it was, and it counts here.</Empty> : (
        <>
          <Verdict steps={d.steps} />
          <div class="reliable">
            <section><Curve steps={d.steps} /><p class="dim small">The dashed line is a risk that keeps its word. A bar is where the share lies with 95 % confidence: the fewer are known, the longer.</p></section>
            <section><Table<CalibrationStep> label="Steps" rows={d.steps} id={(s) => String(s.from)} columns={[
              { name: 'Risk', width: '86px', cell: (s) => `${s.from} to ${s.from + 10}` },
              { name: 'Known', width: '66px', right: true, cell: (s) => num(s.known) },
              { name: 'Attacks', width: '70px', right: true, cell: (s) => num(s.attacks) },
              { name: 'Risk said', width: '82px', right: true, cell: (s) => one(s.said) + ' %' },
              { name: 'It was', width: '76px', right: true, cell: (s) => <b>{one(s.was)} %</b> },
              { name: 'Within, 95 %', width: '92px', right: true, cell: (s) => `${num(s.low)} – ${num(s.high)} %` },
              { name: 'Judgement', width: '124px', cell: judge },
              { name: 'Challenges, labels', right: true, wide: true, cell: (s) => `${num(s.byChallenge)}, ${num(s.byLabel)}` },
            ]} /></section>
          </div>
        </>
      ))}</Shown>
    </>
  );
}

/** Fewer than this in a step say next to nothing. */
const few = 10;
const off = (s: CalibrationStep): boolean => s.said < s.low || s.said > s.high;

function judge(s: CalibrationStep) {
  if (off(s)) return <Chip of="warn">{s.said < s.low ? 'says too little' : 'says too much'}</Chip>;
  return s.known < few ? <span class="dim">too few</span> : <Chip of="good">keeps its word</Chip>;
}

/** The answer in a sentence. */
function Verdict({ steps }: { steps: CalibrationStep[] }) {
  const known = steps.reduce((n, s) => n + s.known, 0);
  const wrong = steps.filter(off);
  const list = (of: CalibrationStep[]) => of.map((s) => `${s.from} to ${s.from + 10}`).join(', ');
  const low = wrong.filter((s) => s.said < s.low), high = wrong.filter((s) => s.said > s.high);
  const enough = steps.filter((s) => s.known >= few).length;
  return (
    <p class="verdictline" role="status">
      {wrong.length === 0
        ? enough === 0 ? <><b>Too few are known to say.</b> {count(known, 'answer')} in all, fewer than {few} in every step.</>
          : <><b class="goodtext">It does, as far as {count(known, 'answer')} can tell.</b> In each step the risk lies where chance lets it.</>
        : <><b class="warntext">Not everywhere.</b> {low.length > 0 && `It says too little from ${list(low)}: more were attacks than it said. `}{high.length > 0 && `It says too much from ${list(high)}: fewer were attacks than it said. `}{count(known, 'answer')} are known.</>}
    </p>
  );
}

const size = 340, left = 46, bottom = 44, edge = 14;
const x = (v: number) => left + (v / 100) * (size - left - edge);
const y = (v: number) => size - bottom - (v / 100) * (size - bottom - edge);

function Curve({ steps }: { steps: CalibrationStep[] }) {
  const says = steps.map((s) => `risk ${one(s.said)}: ${one(s.was)} % of ${s.known}, within ${one(s.low)} to ${one(s.high)}`).join('; ');
  return (
    <svg class="curve" viewBox={`0 0 ${size} ${size}`} width={size} height={size} role="img" aria-label={'Reliability curve: ' + says}>
      {[0, 25, 50, 75, 100].map((v) => <>
        <line class="grid" x1={x(v)} x2={x(v)} y1={y(0)} y2={y(100)} /><line class="grid" x1={x(0)} x2={x(100)} y1={y(v)} y2={y(v)} />
        <text x={x(v)} y={size - bottom + 16} text-anchor="middle">{v}</text><text x={left - 8} y={y(v) + 4} text-anchor="end">{v}</text>
      </>)}
      <text class="axis" x={x(50)} y={size - 9} text-anchor="middle">risk said, %</text>
      <text class="axis" transform={`translate(13 ${y(50)}) rotate(-90)`} text-anchor="middle">were attacks, %</text>
      <line class="ideal" x1={x(0)} y1={y(0)} x2={x(100)} y2={y(100)} />
      {steps.map((s) => <path class={'spread' + (off(s) ? ' off' : '')} d={`M${x(s.said)} ${y(s.low)}V${y(s.high)}m-4 0h8M${x(s.said) - 4} ${y(s.low)}h8`} />)}
      {steps.filter((s) => s.known >= few).length > 1 && <polyline class="was" points={steps.filter((s) => s.known >= few).map((s) => `${x(s.said)},${y(s.was)}`).join(' ')} />}
      {steps.map((s) => {
        const right = s.said < 85;
        return <g><circle class={off(s) ? 'off' : ''} cx={x(s.said)} cy={y(s.was)} r={s.known < few ? 3 : 4.5}><title>{`risk ${one(s.said)}: ${one(s.was)} % of ${s.known} were attacks, within ${one(s.low)} to ${one(s.high)}`}</title></circle>
          <text class="n" x={x(s.said) + (right ? 8 : -8)} y={y(s.was) + (s.was > 95 ? 12 : -5)} text-anchor={right ? 'start' : 'end'}>{num(s.known)}</text></g>;
      })}
    </svg>
  );
}
