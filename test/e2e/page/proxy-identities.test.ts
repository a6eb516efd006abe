import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../../xds/client.ts';
import { ads } from '../../xds/loopback/serving.ts';
import { findChromium } from './find-chromium.ts';
import { openPage } from './scene.ts';

const found = await findChromium();
const skip = found.kind === 'missing' ? found.reason : false;

const serverCa = makeCa({ commonName: 'Server CA' });
const server = makeLeaf(serverCa, { dnsNames: ['localhost'] });
const proxiesCa = makeCa({ commonName: 'CA of proxies' });
const markup = '<b>not bold</b>';
/** Special characters of a name are escaped (RFC 4514, section 2.4). */
const subject = String.raw`CN=\<b\>not bold\</b\>`;
const proxies = [
  { node: 'edge-1', leaf: makeLeaf(proxiesCa, { spiffeId: 'spiffe://a.test/ns/edge/sa/envoy' }) },
  { node: 'mail-1', leaf: makeLeaf(proxiesCa, { spiffeId: 'spiffe://a.test/ns/mail/sa/envoy' }) },
  { node: 'odd-1', leaf: makeLeaf(proxiesCa, { commonName: markup }) },
];

/** Connects a proxy with its certificate. */
async function connect(port: number, node: string, { certPem, keyPem }: Certificate) {
  const client = createClient(
    `127.0.0.1:${port}`,
    { 'grpc.ssl_target_name_override': 'localhost' },
    credentials.createSsl(Buffer.from(serverCa.certPem), Buffer.from(keyPem), Buffer.from(certPem)),
  );
  const stream = client.delta(ads.delta);
  stream.send({ type_url: secretTypeUrl, node: { id: node }, resource_names_subscribe: ['ALL'] });
  const { nonce } = await stream.next();
  stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
  return client;
}

suite('identities of proxies on the page, in Chromium', { skip }, () => {
  test('authenticated proxies: the list shows and filters their identities, and so does the page of a proxy', async () => {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await makeTempDir());
    const files = {
      'tls-cert': server.certPem,
      'tls-key': server.keyPem,
      'tls-client-ca': proxiesCa.certPem,
    };
    for (const [flag, text] of Object.entries(files)) await writeFile(dir.join(flag), text);
    const scene = stack.use(
      await openPage(
        [...Object.keys(files).map((flag) => `--${flag}=${dir.join(flag)}`), '--xds-auth=mtls'],
        async ({ xdsPort }) => {
          for (const { node, leaf } of proxies) stack.use(await connect(xdsPort, node, leaf));
        },
        '#/mesh/default',
      ),
    );
    const { page } = scene.browser;
    const cells = (): Promise<string[]> =>
      page.$$eval('table.proxies td[data-label="Identity"]', (all) => all.map((cell) => cell.innerText));
    const rows = (count: number): Promise<unknown> =>
      page.waitForFunction(
        (wanted: number) => document.querySelectorAll('table.proxies tbody tr').length === wanted,
        { timeout: 15_000 },
        count,
      );
    await rows(3);
    assert.deepEqual(await cells(), [
      'spiffe://a.test/ns/edge/sa/envoy',
      'spiffe://a.test/ns/mail/sa/envoy',
      subject,
    ]);
    await page.locator('input[name="identity"]').fill('/ns/mail/');
    await rows(1);
    assert.deepEqual(await cells(), ['spiffe://a.test/ns/mail/sa/envoy']);
    assert.match(page.url(), /identity=/);
    await scene.browser.screenshot('identities');
    await page.reload();
    await rows(1);
    assert.deepEqual(await cells(), ['spiffe://a.test/ns/mail/sa/envoy'], 'the address has the filter');
    await page.locator('input[name="identity"]').fill('no such identity');
    await scene.says('No proxy matches.');
    await page.locator('input[name="identity"]').fill('not bold');
    await rows(1);
    await page.locator('table.proxies tbody th a').click();
    await scene.says(new RegExp(`Identity\\s+${RegExp.escape(subject)}`));
    assert.deepEqual(scene.browser.problems, []);
  });

  test('no authentication: the list has no column and no filter of identities', async () => {
    await using stack = new AsyncDisposableStack();
    const scene = stack.use(
      await openPage(
        [],
        async ({ xdsPort }) => {
          const client = stack.use(createClient(`127.0.0.1:${xdsPort}`));
          const stream = client.delta(ads.delta);
          stream.send({ type_url: secretTypeUrl, node: { id: 'edge-1' }, resource_names_subscribe: ['ALL'] });
          await stream.next();
        },
        '#/mesh/default',
      ),
    );
    const { page } = scene.browser;
    await page.waitForSelector('table.proxies tbody tr');
    assert.equal(await page.$('input[name="identity"]'), null);
    assert.deepEqual(await page.$$('td[data-label="Identity"]'), []);
  });
});
