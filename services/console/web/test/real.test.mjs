// On a running riskd, with the demo's people in it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, fits, open, person, settled, shot, sound, visit, world } from './house.mjs';

before(open);
after(close);

let page; // one analyst goes through all of it
const report = (id, session, ip) => fetch(world.gateway + '/v1/events', {
  method: 'POST', headers: { Authorization: 'Bearer ' + world.key, 'Content-Type': 'application/cloudevents+json' },
  body: JSON.stringify({ specversion: '1.0', id, source: '//acme/web', type: 'dev.riskd.activity.v1', time: new Date().toISOString(), data: { tenant_id: 'acme', user: { id: 'live-user' }, session: { id: session }, network: { ip }, action: 'auth.login', outcome: 'success' } }),
});

test('a link signs in once', async () => {
  page = await person(world.real, 'admin', { signedIn: false });
  await page.goto(world.link);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/');
  const other = await person(world.real, 'admin', { signedIn: false });
  await other.goto(world.link);
  await other.getByText('This sign-in link was used before').waitFor();
  await other.context().close();
});

test('each page holds the demo’s people', async (t) => {
  for (const [name, path] of Object.entries({ overview: '/?window=7d', live: '/live', stepups: '/stepups?window=7d', fatigue: '/fatigue', rules: '/rules?window=7d', health: '/health' })) {
    await t.test(name, async () => {
      await visit(page, path);
      await shot(page, 'real-' + name);
      await fits(page, name);
      assert.ok((await page.locator('main tr, main .tile').count()) > 4, name + ' is nearly empty');
    });
  }
  for (const name of ['policies', 'backtest', 'calibration']) {
    await t.test(name, async () => {
      await visit(page, '/' + name);
      await shot(page, 'real-' + name);
      await fits(page, name);
    });
  }
  await visit(page, '/?window=7d');
  await sound(page, 'overview of a running riskd');
  // The user to look at first, and the worst session of theirs.
  await page.locator('main table tbody tr a').first().click();
  await page.waitForURL(/\/user\?/);
  await settled(page);
  await shot(page, 'real-user');
  await sound(page, 'a user of the demo');
  await page.locator('main table tbody tr.edge a').first().click();
  await page.waitForURL(/\/session\?/);
  await settled(page);
  await shot(page, 'real-session');
  await fits(page, 'a session of the demo');
  for (const foot of await page.locator('.fall tfoot').allTextContents()) assert.match(foot, /add up to the stored risk/);
});

test('what happens is there within seconds, by itself', async () => {
  await visit(page, '/live');
  assert.equal((await report('live-1', 's-live', '81.2.69.142')).status, 202);
  await page.getByRole('row', { name: /live-user/ }).waitFor();
});

test('a session is revoked, and stays shut', async () => {
  await visit(page, '/session?tenant=acme&id=s-far');
  await page.getByText('A proof is asked for').waitFor();
  assert.equal(await page.locator('.map svg .arc').count(), 1);
  await shot(page, 'real-far');
  await page.getByRole('button', { name: 'Revoke session' }).click();
  await page.getByLabel('Reason').fill('nobody flies that fast');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sent' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('This session is shut out').waitFor();
  await page.getByText('the session was revoked').first().waitFor();
  await page.getByText('nobody flies that fast').waitFor();
  await shot(page, 'real-revoked');
  await fits(page, 'a revoked session');
});

async function act(button, reason) {
  await page.getByRole('button', { name: button, exact: true }).first().click();
  await page.getByLabel('Reason').fill(reason);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sent' }).waitFor();
  await page.keyboard.press('Escape');
}

test('a challenge is ended by hand, and the session goes on', async () => {
  await visit(page, '/session?tenant=acme&id=s-far-bea');
  await page.getByText('A proof is asked for').waitFor();
  await act('End challenge', 'called her');
  await page.getByText('the challenge was ended by hand').first().waitFor();
  await page.getByText('called her').first().waitFor();
  assert.equal(await page.getByText('A proof is asked for').count(), 0);
  assert.equal(await page.getByRole('button', { name: 'End challenge' }).count(), 0, 'nothing is open any more');
  await shot(page, 'real-ended');
  await fits(page, 'an ended challenge');
});

test('it was them: the challenge ends, and the event has its label', async () => {
  await visit(page, '/session?tenant=acme&id=s-far-cleo');
  await page.getByText('A proof is asked for').waitFor();
  await act('It was them', 'she flew');
  await page.getByText('judged to be legitimate').first().waitFor();
  await page.getByText('she flew').first().waitFor();
  assert.equal(await page.getByText('A proof is asked for').count(), 0);
  await shot(page, 'real-them');
  await fits(page, 'a session that was theirs');
});

test('one event is labelled', async () => {
  await visit(page, '/session?tenant=acme&id=s-near-bea');
  const event = page.locator('.line > li').first();
  await event.locator('summary').click();
  await event.getByRole('button', { name: 'Attack', exact: true }).click();
  await page.getByLabel('Reason').fill('not from here');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sent' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('not from here').first().waitFor();
  await shot(page, 'real-labelled');
});

test('a dead letter is put right', async () => {
  await visit(page, '/health');
  const letter = page.locator('.letters > li').filter({ hasText: 'malformed' }).first();
  await letter.locator('summary').click();
  await letter.getByRole('button', { name: 'Correct it' }).click();
  await letter.getByLabel('Corrected message').fill(JSON.stringify({ specversion: '1.0', id: 'put-right', source: '//acme/web', type: 'dev.riskd.activity.v1', time: new Date().toISOString(), data: { tenant_id: 'acme', user: { id: 'ann' }, session: { id: 's-near' }, action: 'resource.read', outcome: 'success' } }));
  await letter.getByRole('button', { name: 'Send corrected' }).click();
  await page.getByText('1 of 1 sent again.').waitFor();
  await page.getByText(/all 4 are up to date|have something under way/).waitFor();
});

test('all of it is in the audit', async () => {
  await visit(page, '/audit');
  for (const what of ['signed in', 'sign in failed', 'saw user', 'saw session', 'feedback', 'redrive']) await page.getByRole('cell', { name: what, exact: true }).first().waitFor();
  await shot(page, 'real-audit');
  await sound(page, 'the audit');
  await page.context().close();
});
