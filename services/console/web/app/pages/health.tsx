import { useState } from 'preact/hooks';
import type { DeadLetter, Health as Answer, Lag, Redriven } from '../api.gen';
import { me, post, question, Trouble, useAnswer } from '../fetch';
import { ago, num, plain, span } from '../format';
import { link, useQuery } from '../query';
import { may } from '../shell';
import { At, Chip, Cut, Head, Tile, Windows } from '../parts/bits';
import { Shown } from '../parts/states';
import { Table } from '../parts/table';

export function Health() {
  const q = useQuery();
  const window = q.at('window', '24h'), reason = q.at('reason');
  const answer = useAnswer<Answer>(question('/api/health', { window }), 4000);
  const letters = useAnswer<DeadLetter[]>(question('/api/dead', { window, reason }));
  return (
    <>
      <Head title="Health" name="Health"><Windows of={['1h', '24h', '7d', '30d']} otherwise="24h" /></Head>
      <Shown of={answer}>{(d) => <Road d={d} />}</Shown>
      <section id="dead"><h2>Dead letters <span class="dim">messages that could not be used, with the bytes as they came; nothing was scored</span></h2>
        {answer.data && answer.data.reasons.length > 0 && <div class="tiles">
          {answer.data.reasons.map((r) => <a class={'tile' + (r.reason === reason ? ' on' : '')} href={link('/health', { window: q.at('window'), reason: r.reason === reason ? '' : r.reason })} aria-current={r.reason === reason ? 'true' : undefined}><h2>{plain(r.reason)}</h2><p class="big">{num(r.messages)}</p><Cut dim>{r.example}</Cut></a>)}
        </div>}
        <Shown of={letters}>{(d) => (d.length === 0 ? <p class="dim">None in this time: every message could be used.</p> : <Letters of={d} again={letters.again} />)}</Shown>
      </section>
    </>
  );
}

function Road({ d }: { d: Answer }) {
  const now = Date.parse(d.asOf!);
  const waiting = d.lags.reduce((n, l) => n + l.waiting, 0), unwritten = d.lags.reduce((n, l) => n + l.unwritten, 0);
  const behind = d.lags.filter((l) => l.waiting + l.unwritten > 0);
  return (
    <>
      <section class="tiles" aria-label="The road">
        <Tile title="Waiting to be judged" value={d.lagProblem ? '?' : num(waiting)} of={waiting > 1000 ? 'bad' : ''}>{d.lagProblem || 'events in the broker'}</Tile>
        <Tile title="Not in ClickHouse yet" value={d.lagProblem ? '?' : num(unwritten)} of={unwritten > 100 ? 'warn' : ''}>{d.lagProblem ? 'unknown' : 'journal records'}</Tile>
        <Tile title="Newest decision here" value={d.lastDecided ? ago(d.lastDecided, now) : 'none'}>{d.lastDecided ? <>at <At t={d.lastDecided} now={d.asOf} /></> : 'in this time'}</Tile>
        <Tile title="Broker to decision" value={span(d.latencyMs[0] ?? 0)}>p95 {span(d.latencyMs[1] ?? 0)} · p99 {span(d.latencyMs[2] ?? 0)}</Tile>
        <Tile title="Messages taken" value={num(d.accepted)}>{num(d.scored)} scored + {num(d.duplicate)} twice + {num(d.late)} late + {num(d.dead)} dead</Tile>
      </section>
      <section><h2>Partitions <span class="dim">{d.lagProblem ? d.lagProblem : behind.length === 0 ? `all ${d.lags.length} are up to date` : `${behind.length} of ${d.lags.length} have something under way`}</span></h2>
        {behind.length > 0 && <Table<Lag> label="Partitions that are behind" rows={behind} id={(l) => String(l.partition)} columns={[
          { name: 'Partition', right: true, width: '90px', cell: (l) => l.partition },
          { name: 'Waiting to be judged', right: true, cell: (l) => num(l.waiting) },
          { name: 'Not in ClickHouse yet', right: true, cell: (l) => num(l.unwritten) },
          { name: 'Last record here decided', cell: (l) => <At t={l.persisted} now={d.asOf} /> },
        ]} />}
      </section>
    </>
  );
}

function Letters({ of, again }: { of: DeadLetter[]; again: () => void }) {
  const [chosen, choose] = useState<Set<string>>(new Set());
  const [outcome, tell] = useState('');
  const able = may('analyst') && me.value!.canAct;
  const flip = (key: string) => choose((old) => { const next = new Set(old); if (!next.delete(key)) next.add(key); return next; });
  const send = async (keys: string[], body = '') => {
    try {
      const d = await post<Redriven>('/api/redrive', { keys, body });
      const sent = d.results.filter((r) => r.sent).length;
      const problems = d.results.filter((r) => !r.sent).map((r) => r.problem);
      tell(`${sent} of ${keys.length} sent again.${problems.length ? ' Not sent: ' + [...new Set(problems)].slice(0, 3).join('; ') : ''}`);
      choose(new Set());
      setTimeout(again, 1500);
    } catch (e) {
      tell(e instanceof Trouble ? e.message : String(e));
    }
  };
  return (
    <>
      {able && <div class="actions"><button type="button" class="primary" disabled={chosen.size === 0} onClick={() => void send([...chosen])}>Send {chosen.size || ''} again</button><button type="button" onClick={() => choose(chosen.size === of.length ? new Set() : new Set(of.map((l) => l.key)))}>{chosen.size === of.length ? 'Choose none' : 'Choose all'}</button></div>}
      <p role="status" class="small">{outcome}</p>
      <ol class="line letters">{of.map((l) => <Letter l={l} able={able} chosen={chosen.has(l.key)} flip={() => flip(l.key)} send={(body) => void send([l.key], body)} />)}</ol>
    </>
  );
}

function Letter({ l, able, chosen, flip, send }: { l: DeadLetter; able: boolean; chosen: boolean; flip: () => void; send: (body: string) => void }) {
  const [draft, edit] = useState<string | null>(null);
  const whole = l.bytes <= 2048;
  return (
    <li class="bad">{able && <input type="checkbox" checked={chosen} aria-label={'Choose ' + (l.eventId || l.key)} onChange={flip} />}<details>
      <summary data-row=""><At t={l.decidedAt} /><Chip of="bad">{plain(l.reason)}</Chip><span class="what"><bdi>{l.detail}</bdi> <span class="dim">{[l.source, l.eventId, l.tenant].filter(Boolean).join(' · ')}</span></span><span class="dim num">{num(l.bytes)} bytes</span></summary>
      <div class="inside">
        {draft === null ? <pre class="raw">{l.raw || 'Its bytes were not kept.'}</pre> : <textarea class="raw" rows={8} aria-label="Corrected message" value={draft} spellcheck={false} onInput={(e) => edit(e.currentTarget.value)} />}
        {able && l.raw && whole && <div class="actions">{draft === null ? <button type="button" onClick={() => edit(l.raw)}>Correct it</button> : <><button type="button" class="primary" onClick={() => send(draft)}>Send corrected</button><button type="button" onClick={() => edit(null)}>Cancel</button></>}</div>}
      </div>
    </details></li>
  );
}
