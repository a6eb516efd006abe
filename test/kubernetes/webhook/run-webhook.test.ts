import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';

import { certificateFiles } from '../../../src/kubernetes/webhook/certificate-files.ts';
import { runWebhook } from '../../../src/kubernetes/webhook/run-webhook.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const ca = makeCa();
const leaf = makeLeaf(ca, { commonName: 'meshtrust', dnsNames: ['localhost'] });

/** Starts a webhook. Returns the names of its events, and a function that waits for the next event of a name. */
function listen(t: TestContext, address: string, certificate: string, key: string) {
  const events: string[] = [];
  const waiting = new Map<string, (detail: string) => void>();
  const emit = (what: string, detail: string): void => {
    events.push(what);
    waiting.get(what)?.(detail);
  };
  const webhook = runWebhook({
    listen: address,
    certificate: certificateFiles({ certificate, key }, 20),
    answer: () => ({ kind: 'malformed', reason: '' }),
    retryMs: 20,
    events: {
      loaded: ({ subject }) => emit('loaded', subject),
      refused: (reason) => emit('refused', reason),
      listening: (bound) => emit('listening', bound),
      notListening: (reason) => emit('notListening', reason),
      request: () => undefined,
    },
  });
  t.after(() => webhook[Symbol.asyncDispose]());
  const next = (what: string) => new Promise<string>((resolve) => waiting.set(what, resolve));
  return { events, next, webhook };
}

suite('webhook', () => {
  test('certificate files: are awaited, followed, and kept in use while new ones are unusable', async (t) => {
    await using dir = await makeTempDir();
    const [certificate, key] = [dir.join('tls.crt'), dir.join('tls.key')];
    const { events, next } = listen(t, '127.0.0.1:0', certificate, key);
    assert.match(await next('refused'), /no such file or directory/);
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
    assert.equal(events.filter((what) => what === 'listening').length, 1);
  });

  test('address in use: is tried again', async (t) => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('tls.crt'), leaf.certPem);
    await writeFile(dir.join('tls.key'), leaf.keyPem);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { readonly port: number };
    const { next, events } = listen(t, `127.0.0.1:${port}`, dir.join('tls.crt'), dir.join('tls.key'));
    assert.match(await next('notListening'), /another program uses the address/);
    other.close();
    assert.equal(await next('listening'), `127.0.0.1:${port}`);
    assert.deepEqual(events, ['loaded', 'notListening', 'listening']);
  });

  test('close while the files are absent: ends', async (t) => {
    await using dir = await makeTempDir();
    const { webhook, next } = listen(t, '127.0.0.1:0', dir.join('none'), dir.join('none'));
    await next('refused');
    await webhook[Symbol.asyncDispose]();
  });
});
