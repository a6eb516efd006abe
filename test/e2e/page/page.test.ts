import assert from 'node:assert/strict';
import { unlink, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { openBrowser } from './browser.ts';
import { findChromium } from './find-chromium.ts';
import { startRelay } from '../../xds/loopback/relay.ts';
import { playProxies } from './played-proxies.ts';
import { openPage, put, root } from './scene.ts';

const found = await findChromium();
const skip = found.kind === 'missing' ? found.reason : false;
const day = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * day);
const next = makeCa({ commonName: 'Root 2' });

suite('the page, in Chromium', { skip }, () => {
  test('roll-out: goes from pending to synced without a reload', async () => {
    await using scene = await openPage();
    const { dir, server, browser, says } = scene;
    const { page } = browser;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 20);
    await says('20 of 20 proxies in sync.');
    await page.evaluate(() => Reflect.set(globalThis, 'loaded', 'once'));
    const progress = (): Promise<string | null> =>
      page.$eval('svg[role=progressbar]', (bar) => bar.getAttribute('aria-valuenow'));

    proxies.acknowledge(() => false);
    await put(dir, 'b.test', [next.certPem]);
    await says('0 of 20 proxies in sync.');
    await says('20 pending');
    assert.equal(await progress(), '0');
    await says('Root 2');
    await browser.screenshot('roll-out-pending');

    proxies.acknowledge((index) => index < 7);
    await says('7 of 20 proxies in sync.');
    assert.equal(await progress(), '7');
    await browser.screenshot('roll-out-half');

    proxies.acknowledge(() => true);
    await says('20 of 20 proxies in sync.');
    assert.equal(await progress(), '20');
    await page.waitForFunction(() => document.querySelectorAll('.proxies .badge.synced').length === 20);
    await browser.screenshot('roll-out-synced');
    assert.equal(await page.evaluate(() => Reflect.get(globalThis, 'loaded') as unknown), 'once');
    assert.deepEqual(browser.problems, []);
  });

  test('lost proxies: are named, and the roll-out is not done', async () => {
    await using scene = await openPage(['--keepalive=200ms', '--keepalive-timeout=200ms']);
    const { dir, server, browser, says } = scene;
    const address = `127.0.0.1:${server.xdsPort}`;
    await using relay = await startRelay(address);
    using connected = playProxies(address, 1);
    using lost = playProxies(relay.address, 2, (index) => `node-${index + 1}`);
    await says('3 of 3 proxies in sync.');
    relay.freeze();
    connected.acknowledge(() => true);
    lost.acknowledge(() => false);
    await server.logged('a first roll-out', ({ event }) => event === 'trust-converged');
    await put(dir, 'b.test', [next.certPem]);
    await says('1 of 3 proxies in sync, 2 lost.');
    await says(/lost\s+node-2/);
    await browser.page.select('select[name=state]', 'lost');
    await browser.page.waitForFunction(() => document.querySelectorAll('.proxies tbody tr').length === 2);
    await browser.screenshot('lost');
    assert.deepEqual(browser.problems, []);
  });

  test('NACK: shows the proxy and its message', async () => {
    await using scene = await openPage();
    const { dir, server, browser, says } = scene;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 3);
    await says('3 of 3 proxies in sync.');
    proxies.refuseNext(1, 'Failed to load <b>trusted</b> CA');
    await put(dir, 'b.test', [next.certPem]);
    await says('2 of 3 proxies in sync.');
    await says('Failed to load <b>trusted</b> CA');
    await browser.page.select('select[name=state]', 'refused');
    await says(/node-1\s+127\.0\.0\.1/);
    await browser.page.waitForFunction(() => document.querySelectorAll('.proxies tbody tr').length === 1);
    await browser.screenshot('refused');
  });

  test('CA certificates: have their validity; findings have what to do', async () => {
    await using scene = await openPage();
    const { dir, browser, says } = scene;
    const { page } = browser;
    await put(dir, 'old.test', [
      makeCa({ commonName: 'Old', notBefore: inDays(-300), notAfter: inDays(-3) }).certPem,
      makeCa({ commonName: 'Soon', notBefore: inDays(-300), notAfter: inDays(9) }).certPem,
      makeCa({ commonName: '<img src=x onerror=alert(1)>', notBefore: inDays(2) }).certPem,
    ]);
    await says(/expired 3 d ago/);
    await says(/expires in [89] d/);
    await says('<img src=x onerror=alert(1)>');
    const bars = await page.$$eval('.anchors rect:not(.track)', (rects) =>
      rects.map((rect) => rect.classList[0]),
    );
    assert.deepEqual(new Set(bars), new Set(['expired', 'expiring', 'future', 'valid']));
    assert.equal(bars.length, 4);
    const findings = await page.$$('.findings summary');
    assert.equal(findings.length, 3);
    await findings[0]?.click();
    await says('What to do');
    await browser.screenshot('findings');
    assert.deepEqual(browser.problems, []);
  });

  test('guard release: after a confirmation', async () => {
    await using scene = await openPage(['--guard-hold=1h']);
    const { dir, browser, says } = scene;
    await put(dir, 'b.test', [next.certPem]);
    await says('Root 2');
    for (const name of ['a.test', 'b.test']) await unlink(dir.join(`${name}.yaml`));
    await says('The guard holds 2 trust domains');
    await says(/for 59 min \d+ s at most/);
    const left = async (): Promise<number> => {
      const text = await browser.page.$eval('.held', (held) => held.textContent);
      const { minutes, seconds } = /for (?<minutes>\d+) min (?<seconds>\d+) s/.exec(text)?.groups ?? {};
      return Number(minutes) * 60 + Number(seconds);
    };
    const atFirst = await left();
    await poll('the hold to be counted down', async () => (await left()) < atFirst || undefined);
    await browser.screenshot('guard');
    const asked: string[] = [];
    browser.page.once('dialog', (dialog) => {
      asked.push(dialog.message());
      void dialog.dismiss();
    });
    await browser.page.click('.held button');
    await says('The guard holds 2 trust domains');
    browser.page.once('dialog', (dialog) => void dialog.accept());
    await browser.page.click('.held button');
    await says('No CA is trusted');
    assert.match(asked[0] ?? '', /Release the guard of mesh default\?/);
    await browser.page.waitForFunction(() => document.querySelector('.held') === null);
  });

  test('URL: goes from mesh to mesh, and back', async () => {
    await using scene = await openPage();
    const { dir, browser, says } = scene;
    await put(dir, 'b.test', [next.certPem], 'payments');
    await browser.page.click('.crumbs a');
    await says('payments');
    await browser.page.waitForSelector('.meshes');
    await browser.page.locator('.meshes a::-p-text(payments)').click();
    await says('Root 2');
    assert.match(browser.page.url(), /#\/mesh\/payments$/);
    await browser.page.focus('.skip');
    await browser.page.keyboard.press('Enter');
    assert.equal(await browser.page.evaluate(() => document.activeElement?.id), 'content');
    assert.match(browser.page.url(), /#\/mesh\/payments$/);
    await browser.page.goBack();
    await browser.page.waitForSelector('.meshes');
    await browser.page.goBack();
    await says('Root 1');
    await browser.page.reload();
    await says('Root 1');
  });

  test('2,000 proxies: one page at a time, and filters', async () => {
    // All of them come over one connection.
    await using scene = await openPage(['--max-connection-streams=2000', '--open-burst=2000']);
    const { server, browser, says } = scene;
    const { page } = browser;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 2_000);
    await says('2,000 of 2,000 proxies in sync.');
    await says(/State[\s\S]*2,000 proxies\b/);
    const rows = (): Promise<number> => page.$$eval('.proxies tbody tr', (all) => all.length);
    await page.waitForFunction(() => document.querySelectorAll('.proxies tbody tr').length === 200);
    await page.click('.pages button:last-child');
    await page.waitForFunction(() => !document.querySelector('.pages button')?.hasAttribute('disabled'));
    await page.type('input[name=node]', 'node-1999');
    await says(/State[\s\S]*1 proxy\b/);
    await page.waitForFunction(() => document.querySelectorAll('.proxies tbody tr').length === 1);
    assert.equal(await rows(), 1);
    await browser.screenshot('many-proxies');
    void proxies;
  });

  test('filter: keeps typed text during updates', async () => {
    await using scene = await openPage();
    const { dir, server, browser, says } = scene;
    const { page } = browser;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 30);
    await says('30 of 30 proxies in sync.');
    const typed = new AbortController();
    const changes = (async () => {
      while (!typed.signal.aborted) {
        const asked = page.waitForResponse((response) => response.url().endsWith('/meshes/default'));
        await put(dir, 'b.test', [makeCa().certPem]);
        await asked;
      }
      return proxies;
    })();
    await page.type('input[name=node]', 'node-29', { delay: 150 });
    typed.abort();
    await changes;
    await page.waitForFunction(() => document.querySelectorAll('.proxies tbody tr').length === 1);
    assert.equal(await page.$eval('input[name=node]', (input) => input.value), 'node-29');
  });

  test('token: works, and events end when it is removed', async () => {
    await using dir = await makeTempDir();
    await using tokens = await makeTempDir();
    const token = 'a token of some length';
    const keep = (text: string): Promise<void> => writeFile(tokens.join('tokens'), `${text}\n`);
    await keep(token);
    await put(dir, 'a.test', [root.certPem]);
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: [`--admin-token-file=${tokens.join('tokens')}`],
      waitUntilReady: false,
    });
    const url = `http://127.0.0.1:${server.adminPort}`;
    const status = async (path: string): Promise<number | undefined> => {
      const authorization = `Basic ${Buffer.from(`:${token}`).toString('base64')}`;
      return (await fetch(`${url}${path}`, { headers: { authorization } }).catch(() => undefined))?.status;
    };
    await poll('the server to be ready', async () => (await status('/readyz')) === 200 || undefined);
    await using browser = await openBrowser(found);
    const { page } = browser;
    await page.authenticate({ username: 'me', password: token });
    await page.goto(`${url}/#/mesh/default`);
    const says = (text: string) =>
      page.waitForFunction((wanted: string) => document.body.innerText.includes(wanted), {}, text);
    await says('Root 1');
    await says('live');
    assert.deepEqual(browser.problems, []);
    await keep('another of some length');
    await poll('the token to be refused', async () => (await status('/readyz')) === 401 || undefined);
    await put(dir, 'b.test', [next.certPem]);
    await says('connection lost');
    assert.doesNotMatch(await page.$eval('body', (body) => body.innerText), /Root 2/);
  });

  test('lost server: is shown, and the page resumes when it is back', async () => {
    await using scene = await openPage();
    const { dir, server, browser, says } = scene;
    await says('live');
    await says('ready');
    await server.stop('SIGKILL');
    await says('connection lost');
    assert.doesNotMatch(await browser.page.$eval('header', (header) => header.innerText), /ready/);
    await says(/This is the state of \d\d:\d\d:\d\d UTC,\s+\d+ s ago/);
    assert.match(await browser.page.title(), /^\(\?\) default/);
    await put(dir, 'b.test', [next.certPem]);
    const { xdsPort, adminPort } = server;
    await using again = await startMeshtrust({ dirs: [dir.path], xdsPort, adminPort });
    await says('live');
    await says('Root 2');
    assert.ok(browser.problems.length > 0 && again.pid > 0);
  });

  test('restarted server: nothing stays of a mesh that it does not know', async () => {
    await using scene = await openPage([], undefined, '#/');
    const { dir, server, says } = scene;
    await says('No problems');
    {
      using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 3);
      await says('3 of 3 proxies in sync');
      proxies.refuseNext(1, 'Failed to load trusted CA');
      await put(dir, 'b.test', [next.certPem]);
      await says('Proxy node-1 rejects its secrets');
      await server.stop('SIGKILL');
    }
    await says('connection lost');
    for (const name of ['a.test', 'b.test']) await unlink(dir.join(`${name}.yaml`));
    await put(dir, 'c.test', [next.certPem], 'other');
    const { xdsPort, adminPort } = server;
    await using again = await startMeshtrust({ dirs: [dir.path], xdsPort, adminPort });
    await says('live');
    await says('other');
    await says('No problems');
    assert.ok(again.pid > 0);
  });

  test('too many clients: tries again', async () => {
    const listening = new AbortController();
    // They are kept: the connection of a response without a reader is closed.
    const listeners: Response[] = [];
    await using scene = await openPage([], async ({ adminPort }) => {
      for (let answer: Response | undefined; answer?.ok !== false; listeners.push(answer)) {
        answer = await fetch(`http://127.0.0.1:${adminPort}/api/v1/events`, { signal: listening.signal });
      }
    });
    assert.ok(listeners.length > 1);
    await scene.says('connection lost');
    await scene.says('Root 1');
    listening.abort();
    await scene.says('live');
  });
});
