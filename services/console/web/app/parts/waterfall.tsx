// The parts of a risk, one after the other: each bar begins where the one before ended, and the last one ends at the risk.
import type { Decision, Step } from '../api.gen';
import { nats, one, plain, two } from '../format';

const width = 300;

interface Bar extends Step { x: number; w: number }

/** Bars in the units of a picture that is `width` wide, and where zero is. */
export function bars(steps: Step[]): { bars: Bar[]; zero: number } {
  let lo = 0, hi = 0;
  for (const s of steps) { lo = Math.min(lo, s.before, s.after); hi = Math.max(hi, s.before, s.after); }
  const scale = width / Math.max(hi - lo, 1e-9);
  return {
    zero: -lo * scale,
    bars: steps.map((s) => {
      const w = Math.max(Math.abs(s.after - s.before) * scale, 2);
      return { ...s, w, x: Math.min((Math.min(s.before, s.after) - lo) * scale, width - w) };
    }),
  };
}

export function Waterfall({ of: d }: { of: Decision }) {
  const { bars: all, zero } = bars(d.steps);
  return (
    <div class="fall">
      <table aria-label="The evidence, added up">
        <thead><tr><th scope="col">Evidence</th><th scope="col"><span class="axis"><span>for the owner</span><span>against</span></span></th><th scope="col" class="r">nats</th><th scope="col" class="r">risk so far</th></tr></thead>
        <tbody>
          {all.map((b) => (
            <tr class={b.code === 'prior' ? 'prior' : b.nats > 0 ? 'against' : 'for'}>
              <td><b>{b.title}</b> <bdi class="dim">{b.words}</bdi></td>
              <td><svg viewBox={`0 0 ${width} 14`} preserveAspectRatio="none" aria-hidden="true"><line class="zero" x1={zero} x2={zero} y1="0" y2="14" /><rect x={b.x} y="3" width={b.w} height="8" rx="1.5" /></svg></td>
              <td class="r num">{nats(b.nats)}</td>
              <td class="r num">{two(b.risk)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot><tr><td colSpan={3}>{d.addsUp ? 'The parts add up to the stored risk, to the last digit' : <b class="badtext">The parts do not add up to the stored risk</b>}</td><td class="r num"><b>{d.risk}</b></td></tr></tfoot>
      </table>
    </div>
  );
}

/** What the waterfall was computed from and by. */
export function Judged({ of: d }: { of: Decision }) {
  const inputs = d.steps.filter((s) => s.inputs.length > 0);
  return (
    <dl class="facts small">
      <div><dt>Scores</dt><dd>travel {one(d.travel)} · device {one(d.newDevice)} · deviation {one(d.deviation)}</dd></div>
      {d.unknown.length > 0 && <div><dt>Not known</dt><dd>{d.unknown.map(plain).join(', ')}</dd></div>}
      {d.rule && <div><dt>Rule</dt><dd><a class="inline" href={`/rules?rule=${encodeURIComponent(d.rule)}`}>{plain(d.rule)}</a>: {d.ruleWords}</dd></div>}
      {inputs.length > 0 && <div><dt>Inputs</dt><dd><details><summary>{inputs.reduce((n, s) => n + s.inputs.length, 0)} recorded values</summary>
        {inputs.map((s) => <p><b>{s.title}</b>{s.inputs.map((i) => <span class="input"><span class="dim">{plain(i.key)}</span> <bdi class="mono">{i.value}</bdi></span>)}</p>)}</details></dd></div>}
      <div><dt>Judged by</dt><dd>policy {d.policy}, baseline {d.baseline}, {d.geo || 'no geo data'}, engine {d.engine}</dd></div>
      <div><dt>Proof</dt><dd class="mono">partition {d.key.split('.')[0]}, record {d.key.split('.')[1]}, entry {d.key.split('.')[2]}</dd></div>
    </dl>
  );
}
