import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { connect } from 'node:tls';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';

import { readTlsMaterial } from '../../../src/net/tls-material.ts';
import type { TlsMaterial } from '../../../src/net/tls-material.ts';
import { createWebhookEdge, reviewPath } from '../../../src/kubernetes/webhook/https-edge.ts';
import type { WebhookEdge, WebhookEdgeOptions } from '../../../src/kubernetes/webhook/https-edge.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { untilSilentIsClosed } from '../../kit/silent-connection.ts';

const ca = makeCa();

function material(commonName: string): TlsMaterial {
  const { certPem, keyPem } = makeLeaf(ca, { commonName, dnsNames: ['localhost'] });
  const contents = { certificate: Buffer.from(certPem), key: Buffer.from(keyPem), clientCa: undefined };
  const result = readTlsMaterial(contents);
  assert.equal(result.kind, 'material');
  return result.material;
}

interface Served {
  readonly edge: WebhookEdge;
  readonly port: number;
  readonly results: readonly string[];
}

async function serve(t: TestContext, options: Partial<WebhookEdgeOptions> = {}): Promise<Served> {
  const results: string[] = [];
  const edge = createWebhookEdge({
    tls: material('first'),
    answer: (review) => ({ kind: 'review', result: 'allowed', body: { review } }),
    onRequest: (result) => results.push(result),
    ...options,
  });
  const address = await edge.listen('127.0.0.1:0');
  t.after(() => edge.close());
  return { edge, port: Number(address.split(':')[1]), results };
}

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly body?: string;
  readonly agent?: Agent;
}

function ask(
  port: number,
  { method = 'POST', path = reviewPath, type = 'application/json', body = '{}', agent }: Asked = {},
): Promise<{ readonly status: number; readonly text: string; readonly subject: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port,
        path,
        method,
        ca: ca.certPem,
        agent: agent ?? false,
      },
      (response) => {
        let text = '';
        const socket = response.socket as ReturnType<typeof connect>;
        const subject = String(socket.getPeerX509Certificate()?.subject);
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, subject }));
      },
    );
    call.setHeader('content-type', type);
    call.on('error', reject);
    call.end(method === 'GET' ? undefined : body);
  });
}

suite('HTTPS server of the webhook', () => {
  test('many idle connections: a new client is served', async (t) => {
    const { port } = await serve(t, { maxConnections: 8 });
    for (let round = 0; round < 3; round += 1) {
      const agent = new Agent({ keepAlive: true });
      t.after(() => agent.destroy());
      const answers = await Promise.all(Array.from({ length: 6 }, () => ask(port, { agent })));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
      assert.equal((await ask(port)).status, 200);
    }
  });

  test('silent connection: is closed', async (t) => {
    await untilSilentIsClosed((await serve(t, { handshakeTimeoutMs: 50 })).port);
  });

  test('review: is answered', async (t) => {
    const { port, results } = await serve(t);
    const { status, text } = await ask(port, { path: `${reviewPath}?timeout=5s`, body: '{"a":"\u00fc"}' });
    assert.deepEqual([status, JSON.parse(text)], [200, { review: { a: '\u00fc' } }]);
    assert.deepEqual(results, ['allowed']);
  });

  const refusals: readonly (readonly [string, Asked, number])[] = [
    ['other path', { path: '/' }, 404],
    ['other method', { method: 'GET' }, 405],
    ['other media type', { type: 'text/plain' }, 415],
    ['too long body', { body: `"${'x'.repeat(2000)}"` }, 413],
    ['body with too many values', { body: JSON.stringify(Array(101).fill(1)) }, 413],
    ['body that is nested too deeply', { body: '['.repeat(11) + ']'.repeat(11) }, 413],
  ];
  for (const [what, asked, expected] of refusals) {
    test(`${what}: is rejected with ${expected}`, async (t) => {
      const { port, results } = await serve(t, {
        limits: { bodyBytes: 1000, json: { marks: 100, depth: 10 } },
      });
      assert.equal((await ask(port, asked)).status, expected);
      assert.deepEqual(results, ['malformed']);
      assert.equal((await ask(port)).status, 200);
    });
  }

  test('too long body without an announced length: is rejected', async (t) => {
    const { port, results } = await serve(t, {
      limits: { bodyBytes: 1000, json: { marks: 100, depth: 10 } },
    });
    const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ca: ca.certPem });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.write(
      `POST ${reviewPath} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    socket.write(`7d0\r\n${'x'.repeat(2000)}\r\n`);
    await new Promise((resolve) => socket.once('close', resolve));
    assert.match(text, /^HTTP\/1\.1 413 /);
    assert.deepEqual(results, ['malformed']);
  });

  test('invalid JSON, or no review: is rejected by `answer`', async (t) => {
    const asked: unknown[] = [];
    const { port, results } = await serve(t, {
      answer: (review) => {
        asked.push(review);
        return { kind: 'malformed', reason: 'no review' };
      },
    });
    assert.deepEqual(
      [await ask(port, { body: '{' }), await ask(port, { body: '[]' })].map(({ status, text }) => [
        status,
        text,
      ]),
      [
        [400, 'no review\n'],
        [400, 'no review\n'],
      ],
    );
    assert.deepEqual(asked, [undefined, []]);
    assert.deepEqual(results, ['malformed', 'malformed']);
  });

  test('`answer` throws: 500 without details, and the next request is served', async (t) => {
    let fails = true;
    const { port, results } = await serve(t, {
      answer: () => {
        if (fails) throw new Error('secret');
        return { kind: 'review', result: 'refused', body: {} };
      },
    });
    const { status, text } = await ask(port);
    assert.deepEqual([status, text], [500, 'internal error\n']);
    fails = false;
    assert.equal((await ask(port)).status, 200);
    assert.deepEqual(results, ['error', 'refused']);
  });

  test('`prepare`: gets the review before `answer` does', async (t) => {
    const calls: unknown[] = [];
    const { port } = await serve(t, {
      *prepare(review) {
        yield undefined;
        calls.push(['prepare', review]);
      },
      answer: (review) => {
        calls.push(['answer', review]);
        return { kind: 'review', result: 'allowed', body: {} };
      },
    });
    assert.equal((await ask(port, { body: '[1]' })).status, 200);
    assert.deepEqual(calls, [
      ['prepare', [1]],
      ['answer', [1]],
    ]);
  });

  test('used up time budget: 503 after the maximum wait, and a review later', async (t) => {
    const { port, results } = await serve(t, {
      budget: { burstMs: 1, share: 0.1 },
      maxWaitMs: 20,
      answer: () => {
        const end = performance.now() + 10;
        while (performance.now() < end);
        return { kind: 'review', result: 'allowed', body: {} };
      },
    });
    assert.equal((await ask(port)).status, 200);
    assert.equal((await ask(port)).status, 503);
    await poll('a review', async () => (await ask(port)).status === 200 || undefined);
    assert.deepEqual([results[0], results[1], results.at(-1)], ['allowed', 'error', 'allowed']);
  });

  test('used up time budget of large reviews: a small one is answered', async (t) => {
    const slow = JSON.stringify('x'.repeat(70_000));
    const { port } = await serve(t, {
      budget: { burstMs: 1, share: 0.001 },
      maxWaitMs: 20,
      answer: (review) => {
        const end = performance.now() + (typeof review === 'string' ? 10 : 0);
        while (performance.now() < end);
        return { kind: 'review', result: 'allowed', body: {} };
      },
    });
    assert.equal((await ask(port, { body: slow })).status, 200);
    assert.equal((await ask(port, { body: slow })).status, 503);
    assert.equal((await ask(port)).status, 200);
  });

  test('more large requests than slots: 503 without reading their bodies', async (t) => {
    const { port, results } = await serve(t, { maxWaitMs: 50, maxBodyMs: 400 });
    const bytes = 2 ** 20;
    const head = `POST ${reviewPath} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;
    const texts = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ca: ca.certPem });
        socket.on('error', () => undefined);
        socket.write(head);
        let text = '';
        for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
        return text;
      }),
    );
    // Two requests have a slot, and do not send their announced bodies.
    assert.equal(texts.filter((text) => text.startsWith('HTTP/1.1 503 ')).length, 2);
    assert.deepEqual([...results].sort(), ['error', 'error', 'malformed', 'malformed']);
  });

  test('renewed certificate: new connections get it', async (t) => {
    const { edge, port } = await serve(t);
    assert.equal((await ask(port)).subject, 'CN=first');
    edge.renew(material('second'));
    assert.equal((await ask(port)).subject, 'CN=second');
  });
});
