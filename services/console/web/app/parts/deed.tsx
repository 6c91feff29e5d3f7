// Something that is done with a policy: it is asked for a reason, which is kept with it.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { PolicyChange, PolicyDeed } from '../api.gen';
import { post, Trouble } from '../fetch';

interface Props {
  label: string;
  title: string;
  does: string;
  of: Omit<PolicyDeed, 'reason' | 'text' | 'share'> & { text?: string };
  /** Asks for a share of the users, too. */
  shares?: boolean;
  danger?: boolean;
  done: (c: PolicyChange) => void;
}

export function Deed(p: Props) {
  const [open, set] = useState(false);
  return <>
    <button type="button" class={p.danger ? 'danger' : ''} onClick={() => set(true)}>{p.label}</button>
    {open && <Sheet {...p} close={() => set(false)} />}
  </>;
}

function Sheet({ title, does, of, shares, danger, done, close }: Props & { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState('');
  useEffect(() => { dialog.current?.showModal(); }, []);
  const send = async (e: Event) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    setBusy(true);
    try {
      const c = await post<PolicyChange>('/api/policies', { text: '', ...of, share: Number(form.get('share') ?? 0), reason: String(form.get('reason')).trim() } satisfies PolicyDeed);
      dialog.current?.close();
      done(c);
    } catch (err) {
      setBusy(false);
      setWrong(err instanceof Trouble ? err.message : String(err));
    }
  };
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="deed" onClose={close}>
      <form onSubmit={send}>
        <h2 id="deed">{title}</h2>
        <p>{of.version && <><bdi class="mono wrap">{of.version}</bdi>. </>}{does}</p>
        {shares && <label class="reason">Share of the users, percent <input name="share" type="number" min={0.01} max={100} step="any" value={100} required /></label>}
        <label class="reason">Reason <input name="reason" required maxLength={900} autofocus autocomplete="off" placeholder="what it is for, ticket 4711" /></label>
        {wrong && <p class="badtext lines" role="alert">{wrong}</p>}
        <div class="ends"><button type="button" onClick={() => dialog.current?.close()}>Cancel</button><button class={danger ? 'danger' : 'primary'} disabled={busy}>{title}</button></div>
      </form>
    </dialog>
  );
}
