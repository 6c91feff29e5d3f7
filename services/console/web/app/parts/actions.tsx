// What an analyst can say and do about a session or an event. Each needs a reason, and becomes an event with its author.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Feedback, Published } from '../api.gen';
import { acted, me, post, Trouble } from '../fetch';
import { may } from '../shell';

const labels: Record<string, { button: string; says: string; does: string; danger?: boolean }> = {
  me: { button: 'It was them', says: 'This was the user', does: 'An open challenge ends, and what was unusual is learned as theirs.' },
  false_alarm: { button: 'False alarm', says: 'This was a false alarm', does: 'An open challenge ends, and what was unusual is learned as theirs.' },
  not_me: { button: 'It was not them', says: 'The user says it was not them', does: 'The session is denied; apps keep it out from now on.', danger: true },
  attack: { button: 'Attack', says: 'This was an attack', does: 'The session is denied; apps keep it out from now on.', danger: true },
  withdraw: { button: 'Withdraw what was said', says: 'Take back what was said', does: 'What it taught is forgotten: the risk of all that follows is as if nothing had been said. A session that was denied stays denied.' },
  end_challenge: { button: 'End challenge', says: 'End the open challenge', does: 'The session goes on without a proof. Nothing is learned.' },
  revoke_session: { button: 'Revoke session', says: 'Revoke this session', does: 'The session is denied; apps keep it out from now on.', danger: true },
};

type About = Pick<Feedback, 'tenant' | 'user' | 'session' | 'event' | 'challenge'>;

export function Actions({ of, about, open }: { of: string[]; about: About; open?: boolean }) {
  const [asked, ask] = useState('');
  if (!may('analyst') || !me.value!.canAct) return null;
  return (
    <div class="actions" role="group" aria-label={about.event ? 'Judge this event' : 'Act on this session'}>
      {of.filter((l) => l !== 'end_challenge' || open).map((l) => <button type="button" class={labels[l]!.danger ? 'danger' : ''} onClick={() => ask(l)}>{labels[l]!.button}</button>)}
      {asked && <Sure label={asked} about={about} close={() => ask('')} />}
    </div>
  );
}

function Sure({ label, about, close }: { label: string; about: About; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, set] = useState<'ask' | 'busy' | 'done'>('ask');
  const [wrong, setWrong] = useState('');
  const l = labels[label]!;
  useEffect(() => { dialog.current?.showModal(); }, []);
  const send = async (e: Event) => {
    e.preventDefault();
    const reason = new FormData(e.currentTarget as HTMLFormElement).get('reason')!.toString().trim();
    set('busy');
    try {
      await post<Published>('/api/feedback', { ...about, label, reason } satisfies Feedback);
      set('done');
      acted();
    } catch (err) {
      set('ask');
      setWrong(err instanceof Trouble ? err.message : String(err));
    }
  };
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="sure" onClose={close}>
      {state === 'done'
        ? <form method="dialog"><h2 id="sure">Sent</h2><p>It is on the road as an event, with your name and reason. This page shows what it did in a moment.</p><div class="ends"><button autofocus>Close</button></div></form>
        : <form onSubmit={send}>
          <h2 id="sure">{l.says}</h2>
          <p>{about.event ? <>Event <bdi class="mono">{about.event}</bdi> of </> : 'Session '}<bdi class="mono wrap">{about.session}</bdi>, user <bdi class="wrap">{about.user}</bdi>. {l.does}</p>
          <label class="reason">Reason <input name="reason" required maxLength={240} autofocus autocomplete="off" placeholder="called the user, ticket 4711" /></label>
          {wrong && <p class="badtext" role="alert">{wrong}</p>}
          <div class="ends"><button type="button" onClick={() => dialog.current?.close()}>Cancel</button><button class={l.danger ? 'danger' : 'primary'} disabled={state === 'busy'}>{l.says}</button></div>
        </form>}
    </dialog>
  );
}
