// Before the first paint, so that the night stays dark. app/theme.ts has the rest.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem('theme'); } catch (e) { /* no storage: the system decides */ }
  var dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
