// Decisions over time, with the step-ups and denials on a scale of their own: few, and what matters.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Bucket } from '../api.gen';
import { num, span } from '../format';
import { colour, theme } from '../theme';

const height = 150;

/** uPlot's times are seconds. */
export function columns(series: Bucket[]): [number[], number[], number[], number[]] {
  return [series.map((b) => Date.parse(b.t!) / 1000), series.map((b) => b.decisions), series.map((b) => b.stepUps), series.map((b) => b.denies)];
}

function options(width: number, step: number): uPlot.Options {
  const ink = colour('--dim'), line = colour('--line2');
  const bars = uPlot.paths.bars!({ size: [0.8, 14], align: 1 });
  const steps = uPlot.paths.stepped!({ align: 1 });
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: '11px system-ui' };
  const value = (_: uPlot, v: number | null) => (v == null ? '–' : num(v));
  return {
    width, height, tzDate: (t) => uPlot.tzDate(new Date(t * 1000), 'Etc/UTC'), cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    legend: { show: true, live: true },
    scales: { x: { time: true, range: (_u, lo, hi) => [lo, hi + step] }, few: { range: (_u, _lo, hi) => [0, Math.max(4, hi * 2.5)] }, y: { range: (_u, _lo, hi) => [0, Math.max(1, hi * 1.05)] } },
    axes: [{ ...axis, size: 26, values: (_u, at) => at.map((t) => { const iso = new Date(t * 1000).toISOString(); return iso.slice(11, 16) === '00:00' ? iso.slice(5, 10) : iso.slice(11, 16); }) },
      { ...axis, size: 46, values: (_u, at) => at.map((v) => (Number.isInteger(v) ? num(v) : '')) },
      { ...axis, scale: 'few', side: 1, size: 36, grid: { show: false }, values: (_u, at) => at.map((v) => (Number.isInteger(v) ? num(v) : '')) }],
    series: [
      { label: 'from', value: (_u, v) => (v == null ? '–' : new Date(v * 1000).toISOString().slice(11, 19) + ', ' + span(step * 1000)) },
      { label: 'decisions', scale: 'y', fill: colour('--bar'), stroke: colour('--bar'), width: 0, paths: bars, points: { show: false }, value },
      { label: 'step-ups', scale: 'few', stroke: colour('--warn'), width: 1.6, paths: steps, points: { show: false }, value },
      { label: 'denied', scale: 'few', stroke: colour('--bad'), width: 1.6, paths: steps, points: { show: false }, value },
    ],
  };
}

export function Series({ of, step, label }: { of: Bucket[]; step: number; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const el = box.current!;
    plot.current = new uPlot(options(el.clientWidth, step), columns(of), el);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: el.clientWidth, height }));
    resized.observe(el);
    return () => { resized.disconnect(); plot.current?.destroy(); plot.current = null; };
  }, [theme.value, step]);
  useEffect(() => { plot.current?.setData(columns(of)); }, [of]);
  const total = of.reduce((n, b) => n + b.decisions, 0), asked = of.reduce((n, b) => n + b.stepUps, 0), denied = of.reduce((n, b) => n + b.denies, 0);
  return <figure class="series" role="img" aria-label={`${label}: ${num(total)} decisions, ${num(asked)} step-ups, ${num(denied)} denied`}><div ref={box} aria-hidden="true" /></figure>;
}
