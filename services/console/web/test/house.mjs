// One browser for all tests, people in it, and what every page has to hold.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const settings = JSON.parse(process.env.CONSOLE_TEST ?? '{}');

/** What the Go test that started this tells: addresses, names, where pictures go. */
export const world = settings;

export const laptop = { width: 1280, height: 720 };

/** A session with everything: a thief's. */
export const thief = '/session?tenant=acme&id=' + encodeURIComponent('s-ada-1~9f3a2c41');

/** Every page, in the golden world. */
export const pages = {
  overview: '/', live: '/live', stepups: '/stepups', fatigue: '/fatigue', rules: '/rules', notices: '/notices', policies: '/policies', backtest: '/backtest', calibration: '/calibration?window=90d', investigate: '/investigate?by=ip&value=91.64.12.8',
  health: '/health', audit: '/audit', session: thief, user: '/user?tenant=acme&id=ada', decision: '/decision?tenant=acme&event=ev-0008',
  'long-name': '/user?tenant=acme&id=' + encodeURIComponent(settings.longUser ?? ''), missing: '/no/such/page', unknown: '/user?tenant=acme&id=nobody',
};

let browser;

export async function open() {
  browser = await chromium.launch({
    executablePath: settings.chromium, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  if (settings.shots) mkdirSync(settings.shots, { recursive: true });
}

export const close = () => browser?.close();

/** A person's browser, signed in. Anything that goes wrong in its pages is kept, and so is who it asks. */
export async function person(base, role = 'analyst', { scheme = 'light', viewport = laptop, signedIn = true } = {}) {
  const context = await browser.newContext({ baseURL: base, viewport, colorScheme: scheme, reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(40_000);
  const faults = [];
  page.on('pageerror', (e) => faults.push('error: ' + e.message));
  page.on('console', (m) => { if (m.type() === 'error' && !/status of (4|5)\d\d|ERR_CONNECTION|ERR_FAILED/.test(m.text())) faults.push('console: ' + m.text()); });
  page.on('dialog', (d) => { faults.push('a script ran: ' + d.message()); void d.dismiss(); });
  page.on('request', (r) => { if (!r.url().startsWith(base) && !r.url().startsWith('data:')) faults.push('asked elsewhere: ' + r.url()); });
  page.faults = faults;
  if (signedIn) {
    const made = await context.request.post('/api/signin', { data: { name: settings.names[role], password: settings.passwords[role] } });
    assert.equal(made.status(), 200, await made.text());
  }
  return page;
}

/** Goes to a page and waits until its answer is shown. */
export async function visit(page, path) {
  await page.goto(path);
  await settled(page);
}

export async function settled(page) {
  await page.locator('main').waitFor();
  await page.waitForFunction(() => !document.querySelector('main .loading') && !document.querySelector('.mapbox:empty') && !/One moment/.test(document.body.innerText));
}

export async function shot(page, name) {
  if (settings.shots) await page.screenshot({ path: join(settings.shots, name + '.png'), fullPage: true });
}

/** Nothing serious by axe-core, nothing sticks out to the side, nothing went wrong in the page. Of a page that was looked at
 * by day, the night changes only its colours. */
export async function sound(page, what, { colours = false } = {}) {
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] }); // no frames here, and only faults are read
  if (colours) axe.withRules(['color-contrast', 'link-in-text-block']);
  const { violations } = await axe.analyze();
  const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  const words = (n) => n.target.join(' ') + ': ' + [...n.any, ...n.all, ...n.none].map((c) => c.message).slice(0, 1).join('');
  assert.deepEqual(bad.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map(words).join('; ')}`), [], what + ': axe');
  await fits(page, what);
}

/** Nothing sticks out to the side, and nothing went wrong in the page. */
export async function fits(page, what) {
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= seen + 1, `${what}: ${wide} pixels wide in a window of ${seen}`);
  assert.deepEqual(page.faults, [], what);
}
