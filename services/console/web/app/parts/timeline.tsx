// A session's events in order, each with its evidence behind it.
import type { Decision, Entry, SessionStory, Signal } from '../api.gen';
import { date, plain, tone } from '../format';
import { toDecision, toShared } from '../query';
import { Actions } from './actions';
import { At, Chip, Cut, Risk, Sensitivity } from './bits';
import { Judged, Waterfall } from './waterfall';

export function Timeline({ of, open }: { of: SessionStory; open?: Entry }) {
  const days: { day: string; entries: Entry[] }[] = [];
  for (const e of of.entries) {
    const day = date(e.time);
    if (days.at(-1)?.day !== day) days.push({ day, entries: [] });
    days.at(-1)!.entries.push(e);
  }
  return <>{days.map((d) => <><h3>{d.day}</h3><ol class="line">{d.entries.map((e) => <Item e={e} open={e === open} />)}</ol></>)}</>;
}

function Item({ e, open }: { e: Entry; open: boolean }) {
  const d = e.decision;
  if (!d) {
    return <li class="none"><div class="flat"><At t={e.time} only="clock" /><span class="what"><b>{plain(e.lateAction.replaceAll('.', ' '))}</b> <em class="sens">too late to be scored</em> <span class="dim">{e.lateWhere || 'place unknown'} · {plain(e.lateReason)}</span></span></div></li>;
  }
  return (
    <li class={tone(d.level) + (open ? ' telling' : '')} id={'e-' + d.eventId}>
      <details>
        <summary data-row="">
          <At t={e.time} only="clock" />
          <span class="what"><b>{d.did}</b> <Sensitivity of={d.sensitivity} />{e.route && <> <bdi class="mono">{e.route}</bdi></>}{e.result && <> <em class="sens">{plain(e.result)}</em></>}
            <span class="dim">{[d.origin.where || (d.type.includes('activity') ? 'place unknown' : ''), d.origin.asOrg, d.origin.with].filter(Boolean).join(' · ')}</span></span>
          <Risk risk={d.risk} level={d.level} />
          {d.action === 'allow' ? <span class="dim allow">allow</span> : <Chip of={d.action} />}
        </summary>
        <div class="inside"><Evidence d={d} /></div>
      </details>
      {e.signals.map((s) => <SignalLine s={s} />)}
      {e.reason && <p class="sig"><span class="dim">{e.author ? <>by <bdi>{e.author}</bdi>:</> : 'reason'}</span> <bdi>{e.reason}</bdi></p>}
    </li>
  );
}

function SignalLine({ s }: { s: Signal }) {
  return <p class={'sig ' + tone(s.state)}><Chip of={s.state} /> <span>{s.state === 'required' ? <>asks for {[...s.acr, ...s.amr].join(' or ') || 'a proof'} until <At t={s.expires} only="clock" /></> : s.why}</span> <Cut mono dim>{`${s.challenge} · revision ${s.revision}`}</Cut></p>;
}

/** A decision with all its evidence. */
export function Evidence({ d }: { d: Decision }) {
  const o = d.origin;
  return (
    <>
      <Waterfall of={d} />
      <Judged of={d} />
      <p class="small traces">
        {o.ip && <>Address <a class="mono" href={toShared('ip', o.ip)}>{o.ip}</a></>}
        {o.asn > 0 && <>Network <a class="mono" href={toShared('asn', String(o.asn))}>AS{o.asn}</a></>}
        {o.device && <>Device <a class="mono cut" href={toShared('device', o.device)} title={o.device}>{o.device}</a></>}
        <>Event <a class="mono cut" href={toDecision(d.tenant, d.eventId)} title={d.eventId}>{d.eventId}</a></>
      </p>
      <Actions of={['me', 'not_me', 'attack', 'false_alarm', 'withdraw']} about={{ tenant: d.tenant, user: d.user, session: d.session, event: d.eventId, challenge: '' }} />
    </>
  );
}
