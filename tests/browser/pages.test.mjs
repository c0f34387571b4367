// The pages at the worst of the incident, beside a resolver that wants to get into them: for everybody, and harmless.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { STRINGS, hostile } from './hostile.mjs';
import { browser, eventually, fathom, picture, visit } from './support.mjs';

const ADDRESS = 'http://127.0.0.1:9953/';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = {
  status: '', resolver: 'resolvers/dc1-internal/ns1', name: 'names/external-cached', runbooks: 'runbooks',
  runbook: 'runbooks/DNSForwardingLoop', missing: 'names/nothing-of-the-kind',
  'strange-resolver': 'resolvers/strange/evil', 'strange-name': 'names/bait',
};
const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  'dark-phone': { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true, colorScheme: 'dark' },
  wall: { viewport: { width: 2560, height: 1440 } },
};

/** Another resolver, in a cluster of its own, and what it is asked there. */
const STRANGE = `
[[cluster]]
name = "strange"
datacenter = "dc1"
roles = ["recursive"]

[[cluster.resolver]]
name = "evil"
address = "127.66.6.6:5300"
tracer = false

[[name]]
id = "bait"
class = "external"
qname = "bait.example.com."
qtype = "TXT"
clusters = ["strange"]
`;

test('the pages of an outage', async (t) => {
  const estate = readFileSync(process.env.ESTATE, 'utf8')
    .replaceAll(/^interval = "10s"/gm, 'interval = "2s"').replaceAll(/^timeout = "2s"/gm, 'timeout = "1s"').replace(/^interval = "1m"/m, 'interval = "3s"');
  const [outage, seen] = ['outage.toml', 'seen.toml'].map((name) => new URL(name, import.meta.url).pathname);
  writeFileSync(outage, estate);
  writeFileSync(seen, estate + STRANGE);
  const socket = await hostile('127.66.6.6', 5300);
  t.after(() => socket.close());
  fathom(t, 'lab', '--config', outage, '--stage', '4');
  const prober = fathom(t, 'run', '--config', seen);
  const launched = await browser(t);

  await eventually('the outage is known', async () => {
    const status = await (await fetch(`${ADDRESS}api/v1/status`)).json();
    const stranger = status.resolvers.find(({ resolver }) => resolver === 'evil');
    return status.clusters[0].traced_at && /ns1 > ns2 > ns3 > ns4 > ns1/.test(status.summary.why) && stranger.nsid && stranger.version;
  }, 60_000);

  await t.test('answer what is asked at three in the morning, without a script', async (t) => {
    const { page, context } = await visit(t, launched, ADDRESS, { javaScriptEnabled: false });
    const text = (await page.locator('main').innerText()).replaceAll(/\s+/g, ' ');
    const summary = await page.locator('#summary').innerText();
    assert.match(summary, /dc1-internal/, 'where');
    assert.match(summary, /\d\d:\d\d/, 'since when');
    assert.match(await page.locator('#why').innerText(), /ns1 > ns2 > ns3 > ns4 > ns1/, 'why');
    assert.match(await page.locator('#next').innerText(), /\w/, 'what next');
    assert.equal(await page.locator('#next a[href^="/runbooks/"]').count(), 1);
    assert.match(text, /0 of 4 exits/);
    assert.ok(await page.locator('td.cell[data-outcome="loop_suspected"] svg').count() >= 4, 'a shape beside each word');
    assert.equal(await page.locator('section.cluster[data-cluster="dc1-internal"] figure.graph svg').count(), 1);
    assert.equal(await page.locator('#incidents').count(), 1);
    assert.equal(await page.locator('#changes').count(), 1);
    // Whoever has no scripts sees the page again by itself.
    assert.match(await page.content(), /<noscript>\s*<meta http-equiv="refresh"/);
    await context.close();
  });

  await t.test('show what strangers say, and do nothing of it', async (t) => {
    for (const path of [PAGES['strange-resolver'], PAGES['strange-name'], '']) {
      const { page, complaints, context } = await visit(t, launched, ADDRESS + path);
      const [text, facts] = await page.evaluate(() => [document.body.textContent, {
        pwned: window.pwned, violations: window.violations, hidden: getComputedStyle(document.body).display === 'none',
        foreign: document.querySelectorAll('img, iframe, style, script:not([src="/live.js"]), [onload], [onerror], a[href^="javascript:"]').length,
      }]);
      assert.deepEqual(facts, { pwned: undefined, violations: [], hidden: false, foreign: 0 }, path);
      const shown = { [PAGES['strange-resolver']]: ['nsid', 'version', 'txt', 'ede'], [PAGES['strange-name']]: ['txt', 'ede'] }[path] ?? [];
      for (const which of shown) {
        // Characters that text formats escape on their own may be escaped; what matters is there.
        const plain = STRINGS[which].replaceAll(/["\\]/g, '');
        assert.ok(text.replaceAll(/["\\]/g, '').includes(plain), `${path} shows ${plain}`);
      }
      assert.deepEqual(complaints, []);
      await context.close();
    }
  });

  for (const [look, options] of Object.entries(LOOKS)) {
    await t.test(`are there for everybody: ${look}`, async (t) => {
      const pages = ['dark-phone', 'wall'].includes(look) ? ['status', 'resolver'] : Object.keys(PAGES);
      for (const name of pages) {
        const path = PAGES[name];
        const { page, complaints, context } = await visit(t, launched, ADDRESS + path, options);
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), [], name);
        const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
        assert.ok(wide <= room, `${name} is ${wide} wide, and there is room for ${room}`);
        // A browser says in the console that a page was not found. Nothing else may be there.
        const others = complaints.filter((one) => !(name === 'missing' && one.includes(`404 (Not Found) (${ADDRESS + path})`)));
        assert.deepEqual([others, await page.evaluate(() => window.violations)], [[], []], name);
        await picture(page, `${name}-${look}`);
        await context.close();
      }
    });
  }

  await t.test('are small', async (t) => {
    for (const [name, path] of Object.entries(PAGES)) {
      const { page, context } = await visit(t, launched, ADDRESS + path);
      const sizes = await page.evaluate(() => performance.getEntries().map(({ decodedBodySize }) => decodedBodySize).filter((size) => size > 0));
      const size = sizes.reduce((sum, one) => sum + one, 0);
      t.diagnostic(`${name}: ${size} bytes in ${sizes.length} answers`);
      assert.ok(size > 1000 && size < 100_000, `${name} is ${size} bytes`);
      await context.close();
    }
  });

  await t.test('can be used from the keyboard', async (t) => {
    for (const path of [PAGES.status, PAGES.resolver, PAGES.name]) {
      // Held still, so that the focus is the reader's alone.
      const { page, context } = await visit(t, launched, `${ADDRESS}${path}?hold`);
      const reachable = await page.evaluate(() => {
        const controls = [...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')];
        const shown = controls.filter((one) => one.checkVisibility() && !one.disabled);
        shown.forEach((one, place) => { one.dataset.place = place; });
        return shown.length;
      });
      const visited = new Set();
      for (let presses = 0; presses < reachable + 5 && visited.size < reachable; presses++) {
        await page.keyboard.press('Tab');
        const { place, visible } = await page.evaluate(() => {
          const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
          return { place: document.activeElement.dataset.place, visible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
        });
        if (place === undefined) continue;
        assert.ok(visible, `${path}: where the focus is cannot be seen at control ${place}`);
        visited.add(place);
      }
      assert.equal(visited.size, reachable, `${path}: controls that Tab reaches`);
      await context.close();
    }
  });

  await t.test('leave a reader in peace who follows them', async (t) => {
    const { page, context } = await visit(t, launched, ADDRESS);
    const folded = page.locator('details#details-dc1-internal');
    const before = await page.locator('#as-of').getAttribute('datetime');
    await folded.locator('summary').first().click();
    assert.equal(await folded.evaluate((details) => details.open), false);
    await page.locator('nav a[href="/runbooks"]').focus();
    await page.waitForFunction((then) => document.getElementById('as-of').getAttribute('datetime') > then, before);
    assert.equal(await folded.evaluate((details) => details.open), false, 'what was folded stays so');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), '/runbooks', 'the focus stays');
    await context.close();
  });

  await t.test('print', async (t) => {
    const { page, context } = await visit(t, launched, ADDRESS, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.locator('nav').isVisible(), false);
    assert.equal(await page.locator('#summary').isVisible(), true);
    const pdf = await page.pdf({ format: 'A4', printBackground: false });
    assert.ok(pdf.length > 5000 && pdf.subarray(0, 5).toString() === '%PDF-');
    writeFileSync(join(process.env.PICTURES, 'status.pdf'), pdf);
    await context.close();
  });

  // The program had nothing to complain of either.
  assert.doesNotMatch(prober.said.err, /panicked/);
});
