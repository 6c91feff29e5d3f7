import { useEffect, useState } from 'preact/hooks';
import type { Me } from '../api.gen';
import { me, post, Trouble, whoAmI } from '../fetch';

const reasons: Record<string, string> = {
  link: 'This sign-in link was used before, or is too old.',
  too_many: 'Too many attempts: wait a few minutes.',
  no_role: 'You are known, but have no role in this console: ask its administrator.',
  provider: 'The provider did not sign you in.',
};

export function SignIn() {
  const ways = me.value!.signIn;
  const [wrong, setWrong] = useState(reasons[new URLSearchParams(location.search).get('why') ?? ''] ?? '');
  const [busy, setBusy] = useState(false);
  useEffect(() => { document.title = 'Sign in · riskd'; }, []);
  const next = location.pathname === '/signin' ? '/' : location.pathname + location.search;
  const send = async (e: Event) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    setBusy(true);
    try {
      await post<Me>('/api/signin', { name: form.get('name')!.toString(), password: form.get('password')!.toString() });
      if (location.pathname === '/signin') history.replaceState(null, '', '/');
      await whoAmI();
      if (!me.value!.name) setWrong('Your browser did not keep the sign-in: under this name the console needs HTTPS.');
    } catch (err) {
      setWrong(err instanceof Trouble ? err.message : String(err));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main id="main" class="alone">
      <section class="signin">
        <h1><svg viewBox="0 0 24 24" width="30" height="30" aria-hidden="true"><path d="M12 2 4 5v6c0 5 3.4 9.3 8 11 4.6-1.7 8-6 8-11V5z" fill="none" stroke="currentColor" stroke-width="1.6" /><path d="M7 13h2.4l1.6-4 2.4 7 1.5-3H17" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" /></svg>riskd console</h1>
        {wrong && <p class="badtext" role="alert">{wrong}</p>}
        {ways.oidc && <p><a class="button primary" href={'/oidc/start?next=' + encodeURIComponent(next)} target="_top">Sign in with {ways.oidc}</a></p>}
        {ways.local && <form onSubmit={send}>
          <label>Name <input name="name" required autofocus autocomplete="username" spellcheck={false} maxLength={128} /></label>
          <label>Password <input name="password" type="password" required autocomplete="current-password" maxLength={256} /></label>
          <button class="primary" disabled={busy}>{busy ? 'One moment …' : 'Sign in'}</button>
        </form>}
        {ways.hint && <p class="dim small">On this machine: <span class="mono">{ways.hint}</span></p>}
        <p class="dim small">What you look at is written down.</p>
      </section>
    </main>
  );
}
