// node draw.mjs PROMETHEUS DASHBOARD SPAN FILE [END]: see run.
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const [server, file, span, out, at = Date.now() / 1000] = process.argv.slice(2);
const dashboard = JSON.parse(await readFile(file, 'utf8'));
const end = Math.floor(Number(at) / 10) * 10;
const start = end - Number(span);
const step = Math.max(5, Math.floor(Number(span) / 180));

async function ask(kind, parameters) {
  const answer = await (await fetch(`${server}/api/v1/${kind}?${new URLSearchParams(parameters)}`)).json();
  if (answer.status !== 'success') throw new Error(`${parameters.query}: ${JSON.stringify(answer)}`);
  return answer.data.result;
}

function query({ expr, instant }) {
  const filled = expr.replaceAll('$__rate_interval', `${Math.max(4 * step, 40)}s`).replace(/\$[a-z]+/g, '.+');
  return instant ? ask('query', { query: filled, time: end }) : ask('query_range', { query: filled, start, end, step });
}

const answers = {};
for (const { id, targets = [] } of dashboard.panels) answers[id] = await Promise.all(targets.map(query));

// As tall as the sheet: tables leave out what is not in sight. A row and its gap are 38 pixels in sheet.jsx.
const height = 38 * Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
try {
  const page = await browser.newPage({ viewport: { width: 1600, height } });
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.stack));
  await page.addInitScript((given) => { Object.assign(window, { given, failures: [] }); }, { dashboard, answers, start, end, step });
  await page.goto(new URL('sheet.html', import.meta.url).href);
  // Every graph that has data has its canvas, and the fonts are there.
  const graphs = dashboard.panels.filter(({ id, type }) => ['timeseries', 'state-timeline', 'heatmap'].includes(type) && answers[id].some(({ length }) => length));
  await page.waitForFunction((count) => window.failures.length || document.querySelectorAll('canvas').length >= count, graphs.length);
  await page.evaluate(async () => { await document.fonts.ready; await new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }); });
  await page.screenshot({ path: out, fullPage: true });
  errors.push(...await page.evaluate(() => window.failures));
  if (errors.length) throw new Error(errors.join('\n'));
} finally {
  await browser.close();
}
const empty = dashboard.panels.filter(({ id, targets }) => targets && answers[id].every(({ length }) => !length)).map(({ title }) => title);
console.log(`${out}: ${dashboard.panels.length} panels; without data: ${empty.join(', ') || 'none'}`);
