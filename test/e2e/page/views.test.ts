import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { unlink, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeCa } from '../../kit/certificates.ts';
import { findChromium } from './find-chromium.ts';
import { playProxies } from './played-proxies.ts';
import type { PlayedProxies } from './played-proxies.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { openPage, put, root } from './scene.ts';

const found = await findChromium();
const skip = found.kind === 'missing' ? found.reason : false;
const day = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * day);
const overview = [[], undefined, '#/'] as const;

suite('views of the page, in Chromium', { skip }, () => {
  test('overview: one verdict, the worst mesh first, and the number of problems in the title', async () => {
    await using scene = await openPage(...overview);
    const { dir, server, browser, says } = scene;
    const { page } = browser;
    await says('No problems');
    await says(/1 mesh · no proxy is connected/);
    assert.equal(await page.title(), 'meshtrust');

    const soon = makeCa({ commonName: 'Soon', notBefore: inDays(-9), notAfter: inDays(5) });
    await put(dir, 'soon.test', [soon.certPem], 'payments');
    await put(dir, 'left.test', [makeCa().certPem], 'abandoned');
    await says('No problems, 1 warning');
    await server.logged('the mesh', ({ event, mesh }) => event === 'trust-changed' && mesh === 'abandoned');
    await unlink(dir.join('left.test.yaml'));
    await says('No CA is trusted: its proxies refuse every client');
    await writeFile(dir.join('broken.yaml'), 'a: [');
    await says('2 problems');
    await says(/1 of 3 meshes affected/);
    assert.deepEqual(await page.$$eval('.meshes tbody th', (cells) => cells.map((cell) => cell.innerText)), [
      'abandoned',
      'payments',
      'default',
    ]);
    assert.equal(await page.title(), '(2) meshtrust');
    await says(/Expired, or within 30 days/);
    assert.deepEqual(await page.$$eval('.anchors tbody tr', (rows) => rows.map((row) => row.className)), [
      'expiring',
    ]);
    await browser.screenshot('overview');
    await page.locator('.problems a::-p-text(No CA is trusted)').click();
    await says('No CA is trusted: proxies of this mesh refuse every client.');
    assert.match(page.url(), /#\/mesh\/abandoned$/);
    assert.deepEqual(browser.problems, []);
  });

  test('proxies of a mesh that no MeshTrust lists: are a problem, which leads to them', async () => {
    // The MeshTrust of the scene names mesh default.
    const connect = (server: Meshtrust): Promise<void> => {
      proxies.push(playProxies(`127.0.0.1:${server.xdsPort}`, 3));
      return server
        .logged('the proxies', ({ event, node }) => event === 'proxy-connected' && node === 'node-2')
        .then(() => undefined);
    };
    const proxies: PlayedProxies[] = [];
    await using scene = await openPage(['--default-mesh=elsewhere'], connect, '#/');
    const { browser, says } = scene;
    await says('3 proxies refuse every client: no MeshTrust lists the mesh that they name');
    await says(/1 mesh · 3 proxies of meshes without a MeshTrust/);
    await browser.page.locator('.problems a::-p-text(3 proxies refuse)').click();
    await says(/Not found[\s\S]*no MeshTrust has listed mesh elsewhere[\s\S]*node-2/);
    for (const one of proxies) one[Symbol.dispose]();
  });

  test('CA with 5 days left: its bar can be seen, and it comes before CAs with years left', async () => {
    await using scene = await openPage();
    const { dir, browser, says } = scene;
    const soon = makeCa({ commonName: 'Soon', notBefore: inDays(-1), notAfter: inDays(5) });
    await put(dir, 'z.test', [makeCa({ commonName: 'Long' }).certPem, soon.certPem]);
    await says('Soon');
    const names = await browser.page.$$eval('.anchors a.name', (all) => all.map((one) => one.innerText));
    assert.deepEqual(names, ['Soon', 'Long', 'Root 1']);
    const [width = 0, all = 1] = await browser.page.$eval('.anchors rect.expiring', (bar) => [
      bar.getBoundingClientRect().width,
      bar.parentElement?.getBoundingClientRect().width,
    ]);
    assert.ok(width / all > 1 / 9, `${width} of ${all}`);
  });

  test('proxy: its streams and secrets, the words of its NACK, and its history', async () => {
    await using scene = await openPage();
    const { dir, server, browser, says } = scene;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 3);
    await says('3 of 3 proxies in sync.');
    proxies.refuseNext(1, 'Failed to load <b>trusted</b> CA');
    await put(dir, 'b.test', [makeCa().certPem]);
    await says('Proxy node-1 rejects its secrets');
    await browser.page.locator('.lagging a').click();
    await says(/node-1\s+Copy\s+the node ID\s+refused/);
    assert.match(browser.page.url(), /#\/proxy\/default\/node-1$/);
    assert.equal(
      await browser.page.$eval('blockquote', (quote) => quote.innerText),
      'Failed to load <b>trusted</b> CA',
    );
    await says(/Stream: delta ADS/);
    await says(/system_trust_bundle\s+behind/);
    await says(/rejected system_trust_bundle: Failed to load/);
    await browser.screenshot('proxy');
    proxies[Symbol.dispose]();
    await browser.page.goto(browser.page.url().replace('node-1', 'nobody'));
    await says(/Not found\s+proxy nobody is not connected/);
  });

  test('CA: who trusts it, and files of it', async () => {
    await using scene = await openPage();
    const { dir, browser, says } = scene;
    const { page } = browser;
    await put(dir, 'b.test', [root.certPem], 'payments');
    await page.locator('.anchors a.name').click();
    await says('Trusted in 2 meshes');
    await says(/payments\s+b\.test\s+payments\/\/b-test/);
    const links = await page.$$eval('a[download]', (all) => all.map((link) => link.href));
    assert.equal(links.length, 5);
    const files = await Promise.all(links.map(async (link) => (await fetch(link)).text()));
    assert.equal(files[0], root.certPem);
    assert.equal(files[1], root.certPem);
    assert.match(files[2] ?? '', /"use": "x509-svid"/);
    // A browser without a window may have no clipboard.
    await page.evaluate(() => {
      const writeText = (text: string): Promise<void> => {
        document.documentElement.dataset['copied'] = text;
        return Promise.resolve();
      };
      Object.defineProperty(navigator, 'clipboard', { value: { writeText } });
    });
    await page.locator('button::-p-text(Copy fingerprint)').click();
    await says('Copied');
    const copied = await page.$eval('html', (element) => element.dataset['copied'] ?? '');
    assert.match(copied, /^[0-9a-f]{64}$/);
    assert.ok(page.url().endsWith(copied));
    await browser.screenshot('ca');
    assert.deepEqual(browser.problems, []);
  });

  test('search: finds meshes, CAs and proxies, and leads to them', async () => {
    await using scene = await openPage(...overview);
    const { server, browser, says } = scene;
    const { page } = browser;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 3);
    await says('3 of 3 proxies in sync');
    await page.type('.find input', 'root 1\n');
    await says(/1 result for “root 1”/);
    await page.$eval('.find input', (input) => input.select());
    await page.type('.find input', 'node-2\n');
    await says(/1 result for “node-2”/);
    await page.reload();
    await says(/1 result for “node-2”/);
    assert.equal(await page.$eval('.find input', (input) => input.value), 'node-2');
    await page.locator('main a::-p-text(node-2)').click();
    await says(/Stream: delta ADS/);
    void proxies;
  });

  test('filter of proxies: is in the URL, stays after a reload, and problems and states lead to it', async () => {
    await using scene = await openPage();
    const { dir, server, browser, says } = scene;
    const { page } = browser;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 8);
    await says('8 of 8 proxies in sync.');
    proxies.acknowledge((index) => index < 5);
    await put(dir, 'b.test', [makeCa().certPem]);
    await says('5 of 8 proxies in sync.');
    const listed = (number: number) =>
      page.waitForFunction(
        (wanted: number) => document.querySelectorAll('.proxies tbody tr').length === wanted,
        {},
        number,
      );
    await page.locator('.legend a.pending').click();
    await listed(3);
    assert.match(page.url(), /#\/mesh\/default\?state=pending$/);
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'proxies');
    await page.reload();
    await listed(3);
    assert.equal(await page.$eval('select[name=state]', (select) => select.value), 'pending');
    const inSight = (): Promise<boolean> =>
      page.$eval('#proxies', (heading) => {
        const { top } = heading.getBoundingClientRect();
        return top >= 0 && top < innerHeight;
      });
    assert.ok(await inSight());
    await page.type('input[name=node]', 'node-7');
    await listed(1);
    assert.match(page.url(), /\?node=node-7&state=pending$/);
    await page.locator('button::-p-text(Show all)').click();
    await listed(8);
    assert.match(page.url(), /#\/mesh\/default$/);
    await page.select('select[name=state]', 'behind');
    await listed(3);
    assert.match(page.url(), /\?state=behind$/);
    await page.locator('button::-p-text(Show all)').click();
    await listed(8);
    // The earlier version, which three of them still have.
    await page.locator('.changes a::-p-text(3 proxies still on it)').click();
    await listed(3);
    assert.match(page.url(), /\?version=[0-9a-f]{16}$/);
    await page.goBack();
    await listed(8);
    assert.deepEqual(browser.problems, []);
  });

  test('state that was chosen before: the field follows "Show all" and links', async () => {
    await using scene = await openPage();
    const { page } = scene.browser;
    const chosen = (): Promise<string> => page.$eval('select[name=state]', (select) => select.value);
    for (const state of ['lost', '', 'stale']) await page.select('select[name=state]', state);
    await page.waitForSelector('.filter button');
    await page.click('.filter button');
    await page.waitForFunction(() => document.querySelector('.filter button') === null);
    assert.equal(await chosen(), '');
    await page.evaluate(() => (location.hash = '#/mesh/default?state=lost'));
    await page.waitForSelector('.filter button');
    assert.equal(await chosen(), 'lost');
  });

  test('keys: lead to the views and to the search, except in a field; they can be turned off', async () => {
    await using scene = await openPage(...overview);
    const { browser, says } = scene;
    const { page } = browser;
    await says('No problems');
    await page.keyboard.press('c');
    await says('1 CA certificate, by expiry');
    await page.keyboard.press('/');
    await page.keyboard.type('of\n');
    await says(/0 results for “of”\s+The search compares/);
    await page.focus('#content');
    await page.keyboard.press('?');
    await says('Use these keys');
    await browser.screenshot('keys');
    await page.click('input[name=keys]');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.querySelector('dialog[open]') === null);
    await page.reload();
    await says('0 results');
    await page.focus('#content');
    await page.keyboard.press('o');
    // The footer leads to the dialog without a key.
    await page.locator('footer button').click();
    await says('Use these keys');
    assert.match(page.url(), /#\/search\/of$/);
    assert.equal(await page.$eval('input[name=keys]', (box) => box.checked), false);
    assert.deepEqual(browser.problems, []);
  });

  test('commands of a view: can be copied, and name the server', async () => {
    await using scene = await openPage();
    const { server, browser, says } = scene;
    const { page } = browser;
    await says('Root 1');
    await page.evaluate(() => {
      const writeText = (text: string): Promise<void> => {
        document.documentElement.dataset['copied'] = text;
        return Promise.resolve();
      };
      Object.defineProperty(navigator, 'clipboard', { value: { writeText } });
    });
    await page.locator('.commands summary').click();
    await page.locator('.commands li:last-child button').click();
    await says('Copied');
    const copied = await page.$eval('html', (element) => element.dataset['copied'] ?? '');
    assert.equal(
      copied,
      `meshtrust bundle --mesh=default --format=pem --server=http://127.0.0.1:${server.adminPort}`,
    );
    await browser.screenshot('commands');
    const run = promisify(execFile);
    const program = fileURLToPath(new URL('../../../bin/meshtrust.js', import.meta.url));
    const { stdout } = await run(process.execPath, [program, ...copied.split(' ').slice(1)]);
    assert.match(stdout, /-----BEGIN CERTIFICATE-----/);
  });

  test('last changes: what changed, and how long until all proxies had it', async () => {
    await using scene = await openPage(...overview);
    const { dir, server, browser, says } = scene;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 4);
    await says(/first served: 1 CA in 1 trust domain/);
    await says('4 of 4 proxies in sync');
    await put(dir, 'b.test', [makeCa({ commonName: 'Root B' }).certPem]);
    await says(/\+ Root B in b\.test[\s\S]*4 proxies in \d+ m?s/);
    proxies.acknowledge((index) => index > 0);
    await put(dir, 'c.test', [makeCa({ commonName: 'Root C' }).certPem]);
    await says(/\+ Root C in c\.test[^+]*rolling out/);
    await put(dir, 'b.test', [makeCa({ commonName: 'Root D' }).certPem]);
    // What an overwritten file no longer lists is removed a moment after what it adds.
    await says(/\+ Root D in b\.test/);
    await says(/− Root B in b\.test/);
    await says(/\+ Root C in c\.test[^+]*replaced by the next change/);
    await browser.screenshot('changes');
  });

  test('finding: its code leads to what it means', async () => {
    await using scene = await openPage(...overview);
    const { dir, browser, says } = scene;
    await writeFile(dir.join('broken.yaml'), 'a: [');
    await says('1 problem');
    await browser.page.locator('.problems a::-p-text(MT002)').click();
    await says(/MT002 syntax\s+A file is not YAML or JSON/);
    await says('What to do');
    assert.deepEqual(browser.problems, []);
  });

  test('colours: can be chosen, and stay after a reload', async () => {
    await using scene = await openPage(...overview);
    const { page } = scene.browser;
    const background = (): Promise<string> =>
      page.$eval('body', (body) => getComputedStyle(body).backgroundColor);
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
    const light = await background();
    await page.click('header button');
    await scene.says('Colours: light');
    await page.click('header button');
    await scene.says('Colours: dark');
    assert.notEqual(await background(), light);
    await page.reload();
    await scene.says('Colours: dark');
    assert.notEqual(await background(), light);
  });

  test('footer: names the version and the sources', async () => {
    await using scene = await openPage(...overview);
    await scene.says(/meshtrust \d+\.\d+\.\d+, up for \d+ s/);
    await scene.says(/source \S+: 1 resource/);
  });

  for (const [width, height] of [
    [380, 800],
    [768, 1024],
    [1024, 768],
    [1920, 1080],
  ] as const) {
    test(`${width} pixels: no view scrolls sideways or cuts text off`, async () => {
      await using scene = await openPage();
      const { dir, server, browser, says } = scene;
      const { page } = browser;
      using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 2);
      await put(dir, `${'long.'.repeat(20)}test`, [makeCa({ commonName: 'A'.repeat(60) }).certPem]);
      await says('2 of 2 proxies in sync.');
      await page.setViewport({ width, height });
      const ca = await page.$eval('.anchors a.name', (link) => link.hash);
      for (const view of [
        '#/',
        '#/mesh/default',
        '#/proxy/default/node-1',
        ca,
        '#/search/e',
        '#/findings',
        '#/cas',
      ]) {
        await page.evaluate((hash) => {
          location.hash = hash;
        }, view);
        await page.waitForFunction(
          () =>
            document.querySelector('main h2') !== null &&
            !/Loading…|Searching…/.test(document.body.innerText),
        );
        const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.equal(wide, inner, view);
        const cut = await page.$$eval('main td, main th, main h2, main dd, main li', (all) =>
          all
            .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1)
            .map((one) => one.innerText),
        );
        assert.deepEqual(cut, [], view);
      }
      void proxies;
    });
  }
});
