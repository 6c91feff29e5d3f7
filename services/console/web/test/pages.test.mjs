// Each page on the golden world, by day and by night, and in the states nobody likes to see.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, fits, open, pages, person, shot, sound, thief, visit, world } from './house.mjs';

before(open);
after(close);

test('every page is sound by day and by night', async (t) => {
  const page = await person(world.golden, 'admin');
  for (const [name, path] of Object.entries(pages)) {
    await t.test(name, async () => {
      await visit(page, path);
      assert.ok((await page.locator('h1').count()) >= 1, 'a heading');
      await shot(page, name + '-light');
      await sound(page, name);
      if (name === 'missing' || name === 'unknown') return; // made of what other pages are made of
      await page.keyboard.press('t');
      assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
      await shot(page, name + '-dark');
      await sound(page, name + ' by night', { colours: true });
      await page.keyboard.press('t');
    });
  }
  await page.context().close();
});

test('an empty installation says what to do', async () => {
  const page = await person(world.empty, 'admin', { scheme: 'dark' });
  for (const [path, words] of Object.entries({ '/': 'No decisions yet', '/live': 'No decisions yet', '/stepups': 'No step-ups', '/fatigue': 'Nobody had to prove anything', '/rules': 'No rule applied', '/notices': 'No notices', '/health': 'every message could be used', '/investigate': 'Give one of them' })) {
    await visit(page, path);
    await page.getByText(words).first().waitFor();
    await shot(page, `empty${path.replaceAll('/', '-')}-dark`);
  }
  await sound(page, 'empty');
  await page.context().close();
});

test('while the answer is under way there is a place for it, and trouble is told', async () => {
  for (const scheme of ['light', 'dark']) {
    const page = await person(world.golden, 'viewer', { scheme });
    let let_go;
    const held = new Promise((go) => { let_go = go; });
    await page.route('**/api/stepups*', async (route) => { await held; await route.continue(); });
    await page.goto('/stepups');
    await page.getByText('Loading').waitFor({ state: 'attached' });
    await shot(page, `loading-${scheme}`);
    await sound(page, 'loading');
    let_go();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.route('**/api/rules*', (route) => route.fulfill({ status: 503, contentType: 'application/json', body: JSON.stringify({ code: 'away', message: 'ClickHouse does not answer.', detail: 'dial tcp 127.0.0.1:8123: connection refused' }) }));
    await visit(page, '/rules');
    await page.getByText('ClickHouse does not answer').first().waitFor();
    await shot(page, `error-${scheme}`);
    await sound(page, 'error');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.getByRole('button', { name: 'Ask again' }).click();
    await page.getByText('Rules of the policy').waitFor();

    // An answer that was there stays, with a line that says it is old.
    await visit(page, '/');
    await page.route('**/api/overview*', (route) => route.abort());
    await page.getByText('What you see is old').first().waitFor();
    assert.ok(await page.getByText('Users to look at first').isVisible());
    await shot(page, `lost-${scheme}`);
    await page.context().close();
  }
});

test('on a narrow screen nothing sticks out', async () => {
  for (const [width, height] of [[1000, 700], [390, 800]]) {
    const page = await person(world.golden, 'admin', { viewport: { width, height } });
    for (const name of ['overview', 'live', 'notices', 'session', 'health', 'long-name']) {
      await visit(page, pages[name]);
      await shot(page, `narrow-${width}-${name}`);
      await fits(page, `${name} at ${width}`);
    }
    await page.context().close();
  }
});

test('what came from outside is never markup', async () => {
  const page = await person(world.golden, 'viewer');
  for (const path of ['/live', '/live?user=' + encodeURIComponent(world.markupUser), '/user?tenant=acme&id=' + encodeURIComponent(world.markupUser), '/session?tenant=acme&id=' + encodeURIComponent(world.markupSession),
    '/session?tenant=%3Cscript%3Ealert(3)%3C/script%3E&id=%3Cscript%3E', '/health?reason=%22%3E%3Cscript%3E', '/notices', '/notices?rule=%3Cscript%3E&user=' + encodeURIComponent(world.markupUser), '/find?q=' + encodeURIComponent(world.markupUser + ' '), '/stepups?state=%3Cscript%3E']) {
    await visit(page, path);
    assert.equal(await page.locator('main img, main script, main b:text-is("x") > i').count(), 0, path);
    assert.deepEqual(page.faults, [], path);
  }
  await page.context().close();
});

test('signing in', async () => {
  const page = await person(world.golden, 'analyst', { signedIn: false });
  await page.goto(thief);
  await page.getByLabel('Name').waitFor();
  await shot(page, 'signin-light');
  await sound(page, 'sign in');
  await page.getByLabel('Name').fill(world.names.analyst);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Name or password is not right.').waitFor();
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.reload();
  await page.getByLabel('Name').waitFor();
  await shot(page, 'signin-dark');
  await sound(page, 'sign in by night');
  await page.getByLabel('Name').fill(world.names.analyst);
  await page.getByLabel('Password').fill(world.passwords.analyst);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 's-ada-1~9f3a2c41' }).waitFor(); // where they wanted to go
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password').waitFor();
  await page.goto('/live');
  await page.getByLabel('Password').waitFor();
  await page.context().close();
});
