import assert from 'node:assert/strict';
import { unlink, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { Page } from 'puppeteer-core';
import { findChromium } from './find-chromium.ts';
import { openPage } from './scene.ts';
import type { Scene } from './scene.ts';

const found = await findChromium();
const skip = found.kind === 'missing' ? found.reason : false;
const overview = [[], undefined, '#/'] as const;
/** Not by frames: a hidden tab draws none. */
const patience = { timeout: 15_000, polling: 100 };

/** Waits until a tab shows a text. */
async function says(tab: Page, text: string): Promise<void> {
  await tab.waitForFunction((wanted: string) => document.body.innerText.includes(wanted), patience, text);
}

/** Opens further tabs of the page, which are prepared first. */
function openTabs(
  { browser, server }: Scene,
  count: number,
  prepare: (tab: Page) => Promise<unknown> = () => Promise.resolve(),
): Promise<readonly Page[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const tab = await browser.page.browser().newPage();
      await prepare(tab);
      await tab.goto(`http://127.0.0.1:${server.adminPort}/#/`, { waitUntil: 'domcontentloaded' });
      return tab;
    }),
  );
}

/** Removes the shared workers, as in a browser that has none. */
const withoutWorkers = (tab: Page): Promise<unknown> =>
  tab.evaluateOnNewDocument(() => Reflect.deleteProperty(globalThis, 'SharedWorker'));

suite('tabs of the page, in Chromium', { skip }, () => {
  test('ten tabs: all of them are live and follow the server, although a browser has six connections', async () => {
    await using scene = await openPage(...overview);
    const tabs = await openTabs(scene, 9);
    for (const tab of [scene.browser.page, ...tabs]) await says(tab, 'No problems');
    await writeFile(scene.dir.join('broken.yaml'), 'a: [');
    for (const tab of [scene.browser.page, ...tabs]) await says(tab, '1 problem');
    await unlink(scene.dir.join('broken.yaml'));
    for (const tab of [scene.browser.page, ...tabs]) await says(tab, 'No problems');
    assert.deepEqual(scene.browser.problems, []);
  });

  test('server that ends: all tabs say that the connection is lost', async () => {
    await using scene = await openPage(...overview);
    const [second] = await openTabs(scene, 1);
    assert.ok(second !== undefined);
    await says(second, 'No problems');
    await scene.server.stop();
    for (const tab of [scene.browser.page, second]) await says(tab, 'No connection to the server');
    assert.match(await second.title(), /^\(\?\) /);
  });

  test('browser without shared workers: hidden tabs give their connections back', async () => {
    await using scene = await openPage(...overview);
    const tabs: Page[] = [];
    // Each new tab hides the one before.
    for (let count = 0; count < 9; count += 1) {
      const [tab] = await openTabs(scene, 1, withoutWorkers);
      assert.ok(tab !== undefined);
      await says(tab, 'No problems');
      tabs.push(tab);
    }
    const [first] = tabs;
    assert.ok(first !== undefined);
    await first.waitForFunction(() => document.title === '(?) meshtrust', patience);
    await writeFile(scene.dir.join('broken.yaml'), 'a: [');
    await first.bringToFront();
    await says(first, '1 problem');
    assert.equal(await first.title(), '(1) meshtrust');
  });

  test('hidden tab: its title counts the problems', async () => {
    await using scene = await openPage(...overview);
    const { page } = scene.browser;
    await scene.says('No problems');
    await openTabs(scene, 1);
    assert.equal(await page.evaluate(() => document.visibilityState), 'hidden');
    await writeFile(scene.dir.join('broken.yaml'), 'a: [');
    await page.waitForFunction(() => document.title === '(1) meshtrust', patience);
  });
});
