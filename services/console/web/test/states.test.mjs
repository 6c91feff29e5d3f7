// Pictures of every page in every state, to be looked at by people: with answers, empty, loading and in trouble, by day and by
// night. Each picture is checked for what sticks out. Run by RISKD_PICTURES=1; pictures are in artifacts/console.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, fits, open, pages, person, settled, shot, world } from './house.mjs';

before(open);
after(close);

const away = JSON.stringify({ code: 'away', message: 'ClickHouse does not answer.', detail: 'dial tcp 127.0.0.1:8123: connect: connection refused' });
const asking = /\/api\/(?!me\b|signin)/;
// Pages that ask nothing have neither.
const quiet = new Set(['missing']);

for (const scheme of ['light', 'dark']) {
  test(`every page in every state, ${scheme}`, async () => {
    const full = await person(world.golden, 'admin', { scheme });
    const bare = await person(world.empty, 'admin', { scheme });
    for (const [name, path] of Object.entries(pages)) {
      for (const [state, page] of [['full', full], ['empty', bare]]) {
        await page.goto(path);
        await settled(page);
        await shot(page, `state-${name}-${state}-${scheme}`);
        await fits(page, `${name}, ${state}`);
      }
      if (quiet.has(name)) continue;
      let go;
      const held = new Promise((r) => { go = r; });
      await full.route(asking, async (route) => { await held; await route.abort().catch(() => {}); });
      await full.goto(path);
      await full.locator('main').waitFor();
      await full.waitForTimeout(300);
      await shot(full, `state-${name}-loading-${scheme}`);
      await fits(full, `${name}, loading`);
      go();
      await full.unrouteAll({ behavior: 'ignoreErrors' });
      await full.route(asking, (route) => route.fulfill({ status: 503, contentType: 'application/json', body: away }));
      await full.goto(path);
      await settled(full);
      assert.ok(await full.getByText('ClickHouse does not answer').count() > 0, `${name} in trouble does not say so`);
      await shot(full, `state-${name}-trouble-${scheme}`);
      await fits(full, `${name}, in trouble`);
      await full.unrouteAll({ behavior: 'ignoreErrors' });
    }
    await full.context().close();
    await bare.context().close();
  });
}
