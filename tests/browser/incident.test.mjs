// The demo's incident, as somebody sees it who opened the page once and never touched it again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, eventually, fathom, picture, visit } from './support.mjs';

const ADDRESS = 'http://127.0.0.1:9953/';

test('one page that is never loaded again follows the incident from stage to stage', async (t) => {
  const demo = fathom(t, 'demo');
  await eventually('the demo serves', () => fetch(`${ADDRESS}-/healthy`).then((answer) => answer.ok));
  const launched = await browser(t);
  const { page, complaints } = await visit(t, launched, ADDRESS);
  // Lost if the page were loaded anew.
  await page.evaluate(() => { window.first = true; });
  // By events, and not every ten seconds, in which a stage could be missed.
  await page.waitForFunction(() => /^Live\./.test(document.getElementById('live').innerText));

  // Each stage as the demo tells it, and what has to be on the page then.
  const stages = [
    { state: 'healthy', exits: '4 of 4 exits', dns: 'well' },
    { state: 'latent', exits: '3 of 4 exits', dns: 'at risk', why: /ns1\b.*ns2/ },
    { state: 'latent', exits: '2 of 4 exits', dns: 'at risk', why: /ns2\b.*ns3/ },
    { state: 'fragile', exits: '1 of 4 exits', dns: 'at risk', why: /ns4/ },
    { state: 'outage', exits: '0 of 4 exits', dns: 'failing', why: /ns1.*ns2.*ns3.*ns4/, outcome: 'loop_suspected' },
    { state: 'healthy', exits: '4 of 4 exits', dns: 'well' },
  ];
  for (const [number, stage] of stages.entries()) {
    const seen = await page.waitForFunction(({ state, exits, dns, outcome }) => {
      const cluster = document.querySelector('section.cluster[data-cluster="dc1-internal"]');
      const summary = document.getElementById('summary');
      return cluster?.dataset.state === state && cluster.innerText.includes(exits) && summary.dataset.dns === dns
        && (!outcome || cluster.querySelector(`td.cell[data-outcome="${outcome}"]`))
        && { main: document.getElementById('main').innerText, title: document.title };
    }, stage);
    const { main, title } = await seen.jsonValue();
    if (stage.why) assert.match(main, stage.why, `stage ${number}`);
    assert.ok(title.startsWith(stage.dns), title);
    await picture(page, `stage-${number}`);
  }

  assert.equal(await page.evaluate(() => window.first), true, 'the page was loaded once');
  // What happened can still be read when it is over.
  // Runs of changes are folded, and all in there.
  const section = (id) => page.locator('section', { has: page.locator(`#${id}`) }).textContent();
  assert.match(await section('incidents'), /dc1-internal.*outage[^]*ns1 > ns2 > ns3 > ns4 > ns1/);
  assert.match(await section('changes'), /ns4 no longer forwards to ns1[^]*ns4 forwards to ns1/);
  await picture(page, 'afterwards');
  assert.deepEqual([complaints, await page.evaluate(() => window.violations)], [[], []]);

  // Whoever has the token says what was done. It is there for those who watch, as text and with its author.
  const [, password] = demo.said.out.match(/token is (\S+)/);
  const operator = await visit(t, launched, ADDRESS, { httpCredentials: { username: 'alex', password } });
  await operator.page.locator('#mark').fill('restored <b onclick="alert(1)">forwarders</b>');
  await operator.page.getByRole('button', { name: 'Mark', exact: true }).click();
  await operator.page.waitForURL(`${ADDRESS}#changes`);
  await page.waitForFunction(() => /restored <b onclick="alert\(1\)">forwarders<\/b>/.test(document.body.innerText) && /alex/.test(document.body.innerText));
  const button = operator.page.getByRole('button', { name: /^Look closer/ });
  if (!await button.isVisible()) await operator.page.locator('#details-dc1-internal > summary').click();
  await button.click();
  await page.waitForFunction(() => document.querySelector('section.cluster form.look-closer').dataset.closely === 'true');

  // A page that stands still must not look fresh.
  const look = () => page.evaluate(() => getComputedStyle(document.getElementById('main')).filter);
  const fresh = await look();
  await demo.stop();
  await page.waitForFunction(() => /^Not live since/.test(document.getElementById('live').innerText));
  assert.notEqual(await look(), fresh, 'what was known last does not look like what is');
  await picture(page, 'lost');
});
