import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { suite, test } from 'node:test';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { bundled, identityText, inline } from '../../kit/mesh-identities.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { findChromium } from './find-chromium.ts';
import { playProxies } from './played-proxies.ts';
import { openPage, root } from './scene.ts';

const found = await findChromium();
const skip = found.kind === 'missing' ? found.reason : false;
const fingerprintOf = (pem: string): string =>
  new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();

suite('what the page shows around a mesh, in Chromium', { skip }, () => {
  test('MeshIdentities: their state and CAs, and replaced CAs with their end', async () => {
    await using scene = await openPage(['--identities', '--identity-linger=1h']);
    const { dir, browser, says } = scene;
    const write = (commonName: string): Promise<void> => {
      const spec = bundled(inline(makeCa({ commonName }).certPem), { trustDomain: 'i.test' });
      return writeFile(dir.join('identity.yaml'), identityText({ name: 'of-default', spec }));
    };
    await write('Old CA');
    await says(/MeshIdentities[\s\S]*of-default\s+gives trust\s+i\.test\s+Old CA\s+—/);
    await write('New CA');
    await says(/of-default\s+gives trust\s+i\.test\s+New CA\s+Old CA\s+i\.test · ends in (?:1 h|59 min)/);
    await says('MeshIdentity default//of-default, before it was replaced');
    await browser.screenshot('identities');
    assert.deepEqual(browser.problems, []);
  });

  test('rotation: its CAs, the gates that are shut, and the next command', async () => {
    await using scene = await openPage();
    const { dir, server, browser, says } = scene;
    using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 2);
    await says('2 of 2 proxies in sync.');
    proxies.acknowledge((index) => index < 1);
    const next = makeCa({ commonName: 'Root 2' });
    const [old, now] = [root.certPem, next.certPem].map(fingerprintOf);
    const text = meshTrustYaml({ name: 'a-test', trustDomain: 'a.test', pems: [root.certPem, next.certPem] });
    const marks = `annotations:\n  meshtrust.io/rotation-old: ${old}\n  meshtrust.io/rotation-new: ${now}\n  meshtrust.io/rotation-leaf-ttl: 24h\n`;
    await writeFile(dir.join('a.test.yaml'), `${text}${marks}`);
    await says(
      /1 rotation in progress\s+a\.test introducing until all proxies have both CAs\s+Root 1 → Root 2/,
    );
    await says(/R20 [^\n]*node-1/);
    await says('meshtrust rotate switched');
    await browser.screenshot('rotation');
    await browser.page.locator('.commands summary').click();
    await browser.page.setViewport({ width: 380, height: 800 });
    const wide = await browser.page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(wide, 380);
    await browser.screenshot('rotation-small');
    await browser.page.locator('.rotation a::-p-text(Root 2)').click();
    await says('Trusted in 1 mesh');
    assert.deepEqual(browser.problems, []);
  });

  test('bundle endpoint: who fetched the bundles, and who is behind', async () => {
    await using files = await makeTempDir();
    const ca = makeCa();
    const { certPem, keyPem } = makeLeaf(ca, { dnsNames: ['localhost'] });
    await writeFile(files.join('tls.crt'), certPem);
    await writeFile(files.join('tls.key'), keyPem);
    const port = await freePort();
    await using scene = await openPage([
      `--bundle-listen=127.0.0.1:${port}`,
      `--bundle-cert=${files.join('tls.crt')}`,
      `--bundle-key=${files.join('tls.key')}`,
      '--bundle-serve=default/*',
    ]);
    const { dir, browser, says } = scene;
    await says(/Bundle endpoint\s+Published: a\.test \(1 CA\)\s+No consumer has fetched/);
    const agent = new Agent({ ca: ca.certPem });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const url = `https://localhost:${port}/bundles/default/a.test`;
      get(url, { agent, headers: { 'user-agent': 'peer/1.0' } }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      }).on('error', reject);
    });
    agent.destroy();
    assert.equal(status, 200);
    // Nothing shows yet that the client received the bundle.
    await says(/Published: a\.test \(1 CA\)[\s\S]*peer\/1\.0\s+a\.test\s+sent/);
    const pems = [root.certPem, makeCa({ commonName: 'Root 2' }).certPem];
    await writeFile(dir.join('a.test.yaml'), meshTrustYaml({ name: 'a-test', trustDomain: 'a.test', pems }));
    await says(/Published: a\.test \(2 CAs\)[\s\S]*peer\/1\.0\s+a\.test\s+behind/);
    await browser.screenshot('consumers');
    assert.deepEqual(browser.problems, []);
  });

  test('federation: the bundles that are fetched, and why one is not', async () => {
    await using scene = await openPage(['--federation', '--federation-min-interval=1s']);
    const { dir, browser, says } = scene;
    const ca = makeCa({ commonName: 'Peer CA' });
    const id = 'spiffe://peer.test/server';
    const bundle = bundleDocument([ca], { refreshHint: 1 });
    await using endpoint = await startBundleEndpoint(makeLeaf(ca, { spiffeId: id }), bundle);
    const peer = federatedText({ trustDomain: 'peer.test', url: endpoint.url, id, bundle });
    await writeFile(dir.join('peer.yaml'), peer);
    await says(/Federated trust domains[\s\S]*peer\.test\s+https:\/\/localhost:\d+\/\s+fetched\s+1/);
    await endpoint[Symbol.asyncDispose]();
    await says(/peer\.test\s+https:\/\/localhost:\d+\/\s+failing\s+connection refused\s+1/);
    await browser.screenshot('federation');
    assert.deepEqual(browser.problems, []);
  });

  test('no MeshTrust: the overview says why the server is not ready, and what it reads', async () => {
    await using scene = await openPage([], undefined, '#/');
    await scene.says('No problems');
    await using empty = await makeTempDir();
    await using other = await startMeshtrust({ dirs: [empty.path], waitUntilReady: false });
    await other.logged('the address', ({ event }) => event === 'listening');
    await scene.browser.page.goto(`http://127.0.0.1:${other.adminPort}/#/`);
    await scene.says(/No source lists a MeshTrust yet[\s\S]*files \(0 resources\)/);
    await scene.says(/it answers no new proxy: the first read found no MeshTrust/);
    await scene.browser.screenshot('empty');
  });
});
