import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from 'puppeteer-core';
import type { Page } from 'puppeteer-core';
import type { FoundChromium } from './find-chromium.ts';

/** A browser with one page. */
export interface Browser extends AsyncDisposable {
  readonly page: Page;
  /** What a user would see in the console as wrong: errors, refused requests, violations of the policy. */
  readonly problems: readonly string[];
  /** Every URL that was asked for. */
  readonly requested: readonly string[];
  /** Keeps a picture of the page in `test-output/`. */
  screenshot(name: string): Promise<void>;
}

const output = fileURLToPath(new URL('../../../test-output', import.meta.url));

/** Starts a browser without a window. */
export async function openBrowser(found: FoundChromium): Promise<Browser> {
  if (found.kind === 'missing') throw new Error(found.reason);
  const browser = await launch({
    executablePath: found.path,
    env: { ...process.env, ...found.env },
    // As root, as in containers, its sandbox cannot be had; the page is our own.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    defaultViewport: { width: 1360, height: 900 },
  });
  const page = await browser.newPage();
  const problems: string[] = [];
  const requested: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warn') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('requestfailed', (request) =>
    problems.push(`${request.url()}: ${request.failure()?.errorText ?? ''}`),
  );
  page.on('request', (request) => requested.push(request.url()));
  await mkdir(output, { recursive: true });
  return {
    page,
    problems,
    requested,
    async screenshot(name) {
      await page.screenshot({ path: join(output, `${name}.png`), fullPage: true });
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
