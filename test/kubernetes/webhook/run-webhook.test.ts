import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';

import { certificateFiles } from '../../../src/kubernetes/webhook/certificate-files.ts';
import { runWebhook } from '../../../src/kubernetes/webhook/run-webhook.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const ca = makeCa();
const leaf = makeLeaf(ca, { commonName: 'meshtrust', dnsNames: ['localhost'] });

/** What a webhook told, in order, and a wait for one of its words. */
function listen(t: TestContext, address: string, certificate: string, key: string) {
  const told: string[] = [];
  const waiting = new Map<string, (detail: string) => void>();
  const tell = (what: string, detail: string): void => {
    told.push(what);
    waiting.get(what)?.(detail);
  };
  const webhook = runWebhook({
    listen: address,
    certificate: certificateFiles({ certificate, key }, 20),
    answer: () => ({ kind: 'malformed', reason: '' }),
    retryMs: 20,
    events: {
      loaded: ({ subject }) => tell('loaded', subject),
      refused: (reason) => tell('refused', reason),
      listening: (bound) => tell('listening', bound),
      notListening: (reason) => tell('notListening', reason),
      request: () => undefined,
    },
  });
  t.after(() => webhook.close());
  const next = (what: string) => new Promise<string>((resolve) => waiting.set(what, resolve));
  return { told, next, webhook };
}

describe('a webhook', () => {
  it('waits for its files, takes renewed ones, and keeps the old ones where those cannot be used', async (t) => {
    await using dir = await makeTempDir();
    const [certificate, key] = [dir.join('tls.crt'), dir.join('tls.key')];
    const { told, next } = listen(t, '127.0.0.1:0', certificate, key);
    assert.match(await next('refused'), /ENOENT/);
    await writeFile(key, leaf.keyPem);
    const listening = next('listening');
    await writeFile(dir.join('new'), leaf.certPem);
    await rename(dir.join('new'), certificate);
    assert.match(await listening, /^127\.0\.0\.1:\d+$/);
    const refused = next('refused');
    await writeFile(dir.join('new'), 'nothing');
    await rename(dir.join('new'), certificate);
    assert.match(await refused, /no certificate/);
    const loaded = next('loaded');
    const second = makeLeaf(ca, { commonName: 'second', key: leaf });
    await writeFile(dir.join('new'), second.certPem);
    await rename(dir.join('new'), certificate);
    assert.equal(await loaded, 'CN=second');
    assert.equal(told.filter((what) => what === 'listening').length, 1);
  });

  it('tries an address again that another has', async (t) => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('tls.crt'), leaf.certPem);
    await writeFile(dir.join('tls.key'), leaf.keyPem);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { readonly port: number };
    const { next, told } = listen(t, `127.0.0.1:${port}`, dir.join('tls.crt'), dir.join('tls.key'));
    assert.match(await next('notListening'), /EADDRINUSE/);
    other.close();
    assert.equal(await next('listening'), `127.0.0.1:${port}`);
    assert.deepEqual(told, ['loaded', 'notListening', 'listening']);
  });

  it('ends while it waits', async (t) => {
    await using dir = await makeTempDir();
    const { webhook, next } = listen(t, '127.0.0.1:0', dir.join('none'), dir.join('none'));
    await next('refused');
    await webhook.close();
  });
});
