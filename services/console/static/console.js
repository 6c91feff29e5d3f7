// The console's only script: live parts that ask again, keys, theme. Pages work without it.
'use strict';
(() => {
  const root = document.documentElement;
  const stored = (() => { try { return localStorage.getItem('riskd-theme'); } catch { return null; } })();
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const paint = () => { root.dataset.theme = stored2 || (dark.matches ? 'dark' : 'light'); };
  let stored2 = stored;
  paint();
  dark.addEventListener('change', paint);
  const flip = () => {
    stored2 = root.dataset.theme === 'dark' ? 'light' : 'dark';
    try { localStorage.setItem('riskd-theme', stored2); } catch { /* private mode */ }
    paint();
  };
  document.getElementById('theme').addEventListener('click', flip);

  const clock = document.getElementById('clock');
  setInterval(() => { clock.textContent = new Date().toISOString().slice(11, 19); }, 1000);

  // Filters apply as they are changed.
  for (const form of document.querySelectorAll('form[data-auto]')) {
    form.addEventListener('change', () => {
      const q = new URLSearchParams();
      for (const [k, v] of new FormData(form)) if (v) q.set(k, v);
      location.search = q.toString();
    });
  }

  // Live parts: the server renders and escapes, this only swaps.
  const live = document.getElementById('live');
  const pause = document.getElementById('pause');
  const lost = document.getElementById('lost');
  const every = Number(document.body.dataset.refresh) || 2000;
  let paused = false, selected = null, timer = 0;
  const setPaused = (on) => {
    paused = on;
    pause.setAttribute('aria-pressed', String(on));
    pause.textContent = on ? 'Paused' : 'Pause';
    if (!on) ask();
  };
  const keys = () => new Set([...live.querySelectorAll('tr[data-key]')].map((r) => r.dataset.key));
  const swap = (html) => {
    const before = keys();
    const focus = document.activeElement && live.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    const next = document.createElement('template');
    next.innerHTML = html;
    live.replaceChildren(...(next.content.querySelector('#live') || next.content).childNodes);
    for (const r of live.querySelectorAll('tr[data-key]')) {
      if (before.size && !before.has(r.dataset.key)) r.classList.add('new');
      if (r.dataset.key === selected) r.setAttribute('aria-selected', 'true');
    }
    if (focus) for (const a of live.querySelectorAll('a')) if (a.getAttribute('href') === focus) { a.focus(); break; }
  };
  const ask = async () => {
    clearTimeout(timer);
    if (live && !paused && !document.hidden) {
      try {
        const answer = await fetch(live.dataset.live, { headers: { Accept: 'text/html' }, signal: AbortSignal.timeout(15000) });
        const html = await answer.text();
        if (answer.ok) {
          lost.hidden = true;
          if (!paused && String(getSelection()) === '') swap(html);
        } else {
          lost.textContent = 'ClickHouse does not answer. Scoring and flags go on; what you see is from before. Asking again …';
          lost.hidden = false;
        }
      } catch {
        lost.textContent = 'The console does not answer. What you see is from before. Asking again …';
        lost.hidden = false;
      }
    }
    timer = setTimeout(ask, every);
  };
  if (live) {
    timer = setTimeout(ask, every);
    document.addEventListener('visibilitychange', () => { if (!document.hidden) ask(); });
    if (pause) pause.addEventListener('click', () => setPaused(!paused));
  }
  if (document.querySelector('[data-away]')) setTimeout(() => location.reload(), 3000);

  // A row leads where its session is, unless a link in it was meant.
  document.addEventListener('click', (e) => {
    const row = e.target.closest('tr[data-href]');
    if (row && !e.target.closest('a') && String(getSelection()) === '') location.href = row.dataset.href;
  });

  const stops = () => [...document.querySelectorAll('tr[data-href], .line summary')];
  const move = (by) => {
    const all = stops();
    if (!all.length) return;
    let at = all.findIndex((r) => r.getAttribute('aria-selected') === 'true' || r === document.activeElement);
    at = Math.max(0, Math.min(all.length - 1, at + by));
    for (const r of all) r.removeAttribute('aria-selected');
    const r = all[at];
    if (r.tagName === 'SUMMARY') r.focus();
    else { r.setAttribute('aria-selected', 'true'); selected = r.dataset.key || null; r.querySelector('a').focus({ preventScroll: true }); }
    r.scrollIntoView({ block: 'nearest' });
  };
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest('input, select, textarea')) {
      if (e.key === 'Escape') e.target.blur();
      return;
    }
    switch (e.key) {
      case '/': document.querySelector('.search input').focus(); break;
      case 'j': move(1); break;
      case 'k': move(-1); break;
      case 't': flip(); break;
      case 'p': if (pause) setPaused(!paused); else return; break;
      case 'Enter': {
        const row = document.querySelector('tr[aria-selected="true"]');
        if (!row) return;
        location.href = row.dataset.href;
        break;
      }
      default: return;
    }
    e.preventDefault();
  });
})();
