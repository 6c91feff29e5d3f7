import { defineConfig } from 'vite';

// The console is served by riskd itself: nothing is loaded from elsewhere, and the content policy allows no inline code.
// `npx vite` serves the sources and asks a running riskd for /api (RISKD_CONSOLE, default http://127.0.0.1:8481).
const riskd = process.env.RISKD_CONSOLE ?? 'http://127.0.0.1:8481';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, emptyOutDir: false, chunkSizeWarningLimit: 400 },
  server: { proxy: { '/api': riskd, '/oidc': riskd, '/signin/link': riskd } },
});
