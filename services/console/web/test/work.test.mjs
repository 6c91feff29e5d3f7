// What an analyst does: from a list to the reason, by keyboard; saying what it was; sending dead letters again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, laptop, open, person, settled, shot, sound, thief, visit, world } from './house.mjs';

before(open);
after(close);

test('from the challenge id to the reason by keyboard, without scrolling', async () => {
  const page = await person(world.golden, 'viewer');
  await visit(page, '/');
  await page.keyboard.press('/');
  await page.keyboard.type('ch_tokyo');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/session\?/); // the one thing found
  const why = page.locator('.verdict .why');
  await why.waitFor();
  assert.match(await why.innerText(), /99\.99\s*London, GB to Tokyo, JP: 9,480 km at least in 24 minutes/);
  const { y, height } = await why.boundingBox();
  assert.ok(y + height < laptop.height / 2, `the reason ends at ${y + height}`);
  assert.match(await page.locator('.verdict').innerText(), /This session is shut out[\s\S]*failed: wrong code \(3 times\)/);
  assert.equal(await page.locator('.map svg .arc').count(), 1);
  assert.ok((await page.locator('.map svg .radius').count()) >= 2);
  await page.context().close();
});

test('the waterfall ends at the stored risk, bar by bar', async () => {
  const page = await person(world.golden, 'viewer');
  await visit(page, thief);
  const rows = await page.locator('.fall').first().locator('tbody tr').evaluateAll((all) => all.map((r) => ({
    x: +r.querySelector('rect').getAttribute('x'), w: +r.querySelector('rect').getAttribute('width'), nats: parseFloat(r.cells[2].innerText.replace('−', '-')), risk: r.cells[3].innerText,
  })));
  const stored = await page.locator('.fall').first().locator('tfoot td').last().innerText();
  assert.equal(rows.at(-1).risk, stored);
  assert.match(await page.locator('.fall tfoot').first().innerText(), /add up to the stored risk, to the last digit/);
  let edge = null; // where the bar before ended
  for (const r of rows) {
    const [begin, end] = r.nats > 0 ? [r.x, r.x + r.w] : [r.x + r.w, r.x];
    if (edge !== null) assert.ok(Math.abs(begin - edge) < 2.5, `a bar begins at ${begin}, the one before ended at ${edge}`);
    edge = end;
  }
  await page.context().close();
});

test('rows are gone through with j and k, pages with g, and help with ?', async () => {
  const page = await person(world.golden, 'viewer');
  await visit(page, '/stepups');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.keyboard.press('j');
  assert.match(await page.evaluate(() => document.activeElement.closest('tr').innerText), /denied/);
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await page.waitForURL(/\/live$/);
  await page.keyboard.press('p');
  await page.getByRole('button', { name: 'Paused' }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('heading', { name: 'Keys' }).waitFor();
  await shot(page, 'keys-light');
  await sound(page, 'keys');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  assert.equal(await page.locator('a[href="/audit"]').count(), 0, 'a viewer is not shown the audit');
  await page.context().close();
});

test('the address holds what is looked at', async () => {
  const page = await person(world.golden, 'viewer');
  await visit(page, '/live');
  await page.getByRole('combobox', { name: 'Decision' }).selectOption('deny');
  await page.waitForURL(/action=deny/);
  await page.getByRole('textbox', { name: 'User' }).fill('ad');
  await page.waitForTimeout(2500); // the feed draws the page anew meanwhile
  await page.keyboard.type('a');
  await page.keyboard.press('Enter');
  await page.waitForURL(/user=ada/);
  const other = await page.context().newPage();
  await visit(other, new URL(page.url()).pathname + new URL(page.url()).search);
  assert.equal(await other.getByRole('combobox', { name: 'Decision' }).inputValue(), 'deny');
  await other.getByText('failed the challenge').waitFor();
  assert.equal(await other.getByText('bob').count(), 0);
  await visit(other, '/?window=7d');
  assert.ok(await other.getByRole('radio', { name: '7 days' }).isChecked());
  await page.context().close();
});

test('from a notice to the person, the rule and its version, by keyboard', async () => {
  const page = await person(world.golden, 'viewer');
  await visit(page, '/');
  await page.keyboard.press('g');
  await page.keyboard.press('n');
  await page.waitForURL(/\/notices$/);
  await settled(page);
  const rows = page.getByRole('region', { name: 'Notices' }).locator('tbody tr');
  assert.equal(await rows.count(), 5, 'what is stored twice is one');
  await page.locator('.tile').filter({ hasText: 'payroll export' }).click();
  await page.waitForURL(/rule=payroll_export/);
  await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 2);
  assert.equal(await page.getByRole('combobox', { name: 'Rule' }).inputValue(), 'payroll_export');
  const first = await rows.first().innerText();
  assert.match(first, /12:30:35[\s\S]*ada[\s\S]*s-ada-1[\s\S]*Payroll left the house\.[\s\S]*exported report payroll-2026[\s\S]*payroll export[\s\S]*default@3f2a91c0/);
  await page.keyboard.press('j');
  assert.match(await page.evaluate(() => document.activeElement.getAttribute('href')), /^\/decision\?tenant=acme&event=ev-0017$/);
  await rows.first().getByRole('link', { name: 'payroll export' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/rules\?rule=payroll_export/);
  await page.goBack();
  await settled(page);
  await rows.first().getByRole('link', { name: 'default@3f2a91c0' }).click();
  await page.getByText('This version is not stored').waitFor();
  await page.goBack();
  await settled(page);
  await rows.first().getByRole('link', { name: 'ada', exact: true }).click();
  await page.waitForURL(/\/user\?tenant=acme&id=ada/);
  await page.goBack();
  await settled(page);
  await page.getByRole('textbox', { name: 'User' }).fill('nobody');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'No notice matches' }).waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 5);
  await page.context().close();
});

test('times are UTC, and the hover says the local one', async () => {
  const page = await person(world.golden, 'viewer');
  await visit(page, thief);
  const time = page.locator('.short time').first();
  assert.equal(await time.innerText(), '12:24:00');
  assert.match(await time.getAttribute('title'), /2026-11-20 12:24:00\.000 UTC\n.*13:24:00/);
  await page.context().close();
});

test('feedback needs a reason, and is sent with the name', async () => {
  const page = await person(world.golden, 'analyst');
  await visit(page, thief);
  await page.getByRole('button', { name: 'Attack' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'This was an attack' }).waitFor();
  await shot(page, 'feedback-light');
  await sound(page, 'feedback');
  await dialog.getByRole('button', { name: 'This was an attack' }).click(); // without a reason nothing happens
  assert.ok(await dialog.isVisible());
  await dialog.getByLabel('Reason').fill('called her, ticket 4711');
  await page.keyboard.press('Enter');
  await dialog.getByRole('heading', { name: 'Sent' }).waitFor();
  await page.keyboard.press('Escape');
  await page.context().close();

  const viewer = await person(world.golden, 'viewer');
  await visit(viewer, thief);
  assert.equal(await viewer.getByRole('button', { name: 'Attack' }).count(), 0, 'a viewer cannot act');
  await viewer.context().close();
});

test('dead letters are sent again, corrected by hand', async () => {
  const page = await person(world.golden, 'analyst');
  await visit(page, '/health');
  await page.getByRole('button', { name: 'Choose all' }).click();
  await page.getByRole('button', { name: /Send \d+ again/ }).click();
  await page.getByText(/0 of 3 sent again\. Not sent: .*malformed/).waitFor();
  await page.locator('.letters summary').first().click();
  await page.getByRole('button', { name: 'Correct it' }).first().click();
  await page.getByLabel('Corrected message').fill('{"specversion":"1.0","id":"by-hand","source":"//acme/web","type":"dev.riskd.activity.v1","time":"2026-11-20T12:00:00Z","data":{"tenant_id":"acme","user":{"id":"ann"},"action":"auth.login","outcome":"success"}}');
  await shot(page, 'redrive-light');
  await page.getByRole('button', { name: 'Send corrected' }).click();
  await page.getByText('1 of 1 sent again.').waitFor();
  await page.context().close();
});

test('an admin sees who looked', async () => {
  const page = await person(world.golden, 'admin');
  await visit(page, '/user?tenant=acme&id=carol');
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await page.waitForURL(/\/audit/);
  await settled(page);
  await page.getByLabel('About user').fill('carol');
  await page.keyboard.press('Enter');
  await page.getByRole('cell', { name: 'saw user' }).first().waitFor();
  await page.context().close();
});
