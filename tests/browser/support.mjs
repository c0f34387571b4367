// Programs that a test starts, and the browser it looks at them with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

/** Nothing here waits longer for what it expects. */
export const PATIENCE = 30_000;

const { FATHOM, CHROMIUM, PICTURES } = process.env;

/** The program with these arguments. It ends with the test. */
export function fathom(test, ...args) {
  const child = spawn(FATHOM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (data) => { said.out += data; });
  child.stderr.on('data', (data) => { said.err += data; });
  const ended = once(child, 'exit');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  };
  test.after(stop);
  return { said, stop };
}

/** What a condition gives once it gives anything; the last failure when it never does. */
export async function eventually(what, condition, limit = PATIENCE) {
  const deadline = Date.now() + limit;
  for (;;) {
    let seen;
    try {
      seen = await condition();
      if (seen) return seen;
    } catch (error) {
      seen = error;
    }
    if (Date.now() > deadline) throw new Error(`never came: ${what} (last seen: ${seen})`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

/** A browser that goes nowhere by itself. It ends with the test. */
export async function browser(test) {
  const launched = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking'],
  });
  test.after(() => launched.close());
  return launched;
}

/**
 * A page, with all that must never happen on it: `complaints` holds policy violations, errors, dialogs, and requests to
 * anywhere else.
 */
export async function visit(test, launched, address, options = {}) {
  const context = await launched.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  test.after(() => context.close());
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = [];
  page.on('request', (request) => {
    if (!request.url().startsWith('http://127.0.0.1:9953/')) complaints.push(`a request to ${request.url()}`);
  });
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()} (${message.location().url})`); });
  page.on('pageerror', (error) => complaints.push(`error: ${error}`));
  page.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(address);
  return { page, complaints, context };
}

/** Keeps a picture for people to look at. */
export async function picture(page, name) {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
}
