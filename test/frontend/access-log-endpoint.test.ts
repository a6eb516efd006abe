import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { Metadata, credentials, status } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { certificateJudge } from '../../src/access/certificate-judge.ts';
import { refuse } from '../../src/access/claim.ts';
import type { AccessDecision, ClientClaim, DecideAccess } from '../../src/access/claim.ts';
import { createClientCas } from '../../src/access/client-cas.ts';
import { decideAccess } from '../../src/access/decide-access.ts';
import { defaultAccessLogLimits, startAccessLogEndpoint } from '../../src/frontend/access-log-endpoint.ts';
import type { AccessLogEndpoint, AccessLogEndpointOptions } from '../../src/frontend/access-log-endpoint.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { entryOf, identifierOf, openLogStream } from '../kit/access-log-client.ts';
import type { LogMessageObject } from '../kit/access-log-client.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import { poll } from '../kit/poll.ts';
import { startForwarder } from '../kit/forwarder.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { fakeToken } from '../kit/token-reviews.ts';
import { proxyOptions } from '../kit/proxy-options.ts';

const issuer = 'a'.repeat(64);
const entries = (count: number): LogMessageObject => ({
  tcp_logs: { log_entry: Array.from({ length: count }, () => entryOf({ issuer })) },
});
const first = (mesh?: string): LogMessageObject => ({
  identifier: identifierOf('node', mesh),
  ...entries(1),
});

const allowed: AccessDecision = { kind: 'allowed', identity: undefined };

/** Returns a decision that is made by `decided`. `asked` resolves once it is needed. */
function decideLater() {
  const asked = Promise.withResolvers<void>();
  const decided = Promise.withResolvers<AccessDecision>();
  const decide: DecideAccess = () => {
    asked.resolve();
    return decided.promise;
  };
  return { decide, asked: asked.promise, decided };
}

interface Rig extends AsyncDisposable {
  readonly endpoint: AccessLogEndpoint;
  /** The number of entries by mesh. */
  readonly received: Map<string, number>;
  readonly refused: string[];
  readonly lost: (string | undefined)[];
  /** Waits until entries have arrived. */
  readonly until: (mesh: string, count: number) => Promise<void>;
}

interface RigOptions extends Omit<Partial<AccessLogEndpointOptions>, 'options'> {
  readonly options?: Partial<AccessLogEndpointOptions['options']>;
}

async function start(more: RigOptions = {}): Promise<Rig> {
  const received = new Map<string, number>();
  const refused: string[] = [];
  const lost: (string | undefined)[] = [];
  const endpoint = await startAccessLogEndpoint({
    listen: '127.0.0.1:0',
    log: createLogger({ format: 'json', level: 'error' }),
    decide: undefined,
    authFailed: () => refused.push('tls'),
    received: ({ mesh }, { issuers }) =>
      void received.set(mesh, (received.get(mesh) ?? 0) + (issuers.get(issuer) ?? 0)),
    lost: (mesh) => lost.push(mesh),
    refused: (reason) => refused.push(reason),
    now: () => performance.now(),
    ...more,
    options: { ...proxyOptions, ...more.options },
  });
  return {
    endpoint,
    received,
    refused,
    lost,
    until: async (mesh, count) => {
      await poll(`${count} entries of ${mesh}`, () =>
        Promise.resolve(received.get(mesh) === count ? true : undefined),
      );
    },
    [Symbol.asyncDispose]: () => endpoint.close(),
  };
}

suite('listener for access logs', () => {
  test('messages of a stream: are counted for the mesh of the node in the first one', async () => {
    await using rig = await start();
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    client.send(entries(3));
    await rig.until('mesh-1', 4);
    assert.equal(rig.endpoint.streams(), 1);
    client.end();
    assert.deepEqual(await client.status, { code: status.OK, message: '' });
    assert.equal(rig.endpoint.streams(), 0);
    assert.deepEqual([rig.refused, rig.lost], [[], []]);
  });

  test('a Unix socket: takes access logs as well', async () => {
    await using dir = await makeTempDir();
    await using rig = await start({ listen: `unix:${dir.join('log.sock')}` });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
  });

  test('a node without a mesh: belongs to the default mesh', async () => {
    await using rig = await start();
    using client = openLogStream(rig.endpoint.address);
    client.send(first());
    await rig.until('default', 1);
  });

  test('a first message without an identifier: is refused', async () => {
    await using rig = await start();
    using client = openLogStream(rig.endpoint.address);
    client.send(entries(1));
    assert.equal((await client.status).code, status.INVALID_ARGUMENT);
    assert.deepEqual(rig.refused, ['no-identifier']);
    assert.equal(rig.received.size, 0);
  });

  test('bytes that are no message: the stream ends, and entries may be lost', async () => {
    await using rig = await start();
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    client.sendBytes(Buffer.from([0x12, 0xff]));
    assert.equal((await client.status).code, status.INVALID_ARGUMENT);
    assert.deepEqual([rig.refused, rig.lost], [['malformed'], ['mesh-1']]);
    assert.equal(rig.received.get('mesh-1'), 1);
  });

  test('a message above the limit: the stream ends, and entries may be lost', async () => {
    await using rig = await start({ limits: { ...defaultAccessLogLimits, messageBytes: 1_000 } });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    client.send(entries(100));
    assert.equal((await client.status).code, status.RESOURCE_EXHAUSTED);
    assert.deepEqual([rig.refused, rig.lost], [['too-long'], ['mesh-1']]);
  });

  test('more streams than the limit: are refused, and the others go on', async () => {
    await using rig = await start({ limits: { ...defaultAccessLogLimits, streams: 1 } });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
    using other = openLogStream(rig.endpoint.address);
    other.send(first('mesh-2'));
    assert.equal((await other.status).code, status.RESOURCE_EXHAUSTED);
    assert.deepEqual([rig.refused, rig.lost], [['too-many'], [undefined]]);
    client.send(entries(1));
    await rig.until('mesh-1', 2);
  });

  test('a connection that opens streams above its rate: is closed', async () => {
    const limits = { ...defaultAccessLogLimits, streamRate: { perSecond: 1, burst: 2 } };
    await using rig = await start({ now: () => 0, limits });
    const clients = [1, 2, 3].map(() => openLogStream(rig.endpoint.address));
    for (const client of clients) client.end();
    const codes = await Promise.all(clients.map((client) => client.status));
    assert.ok(codes.some(({ message }) => message !== ''));
    // grpc-js may try a refused stream again, on another connection.
    assert.ok(rig.refused.includes('too-many'));
    for (const client of clients) client[Symbol.dispose]();
  });

  test('a connection that is closed for its rate: entries of its streams may be missing', async () => {
    const limits = { ...defaultAccessLogLimits, streamRate: { perSecond: 1, burst: 1 } };
    await using rig = await start({ now: () => 0, limits });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
    using other = openLogStream(rig.endpoint.address);
    other.send(first('mesh-2'));
    assert.notEqual((await client.status).code, status.OK);
    assert.deepEqual(rig.lost, ['mesh-1']);
  });

  test('the end of the server: ends the streams', async () => {
    const rig = await start();
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
    await rig.endpoint.close();
    assert.deepEqual(await client.status, {
      code: status.UNAVAILABLE,
      message: 'the server is shutting down',
    });
    assert.equal(rig.endpoint.streams(), 0);
  });

  test('a client without a first message: is closed after the request timeout', async () => {
    await using rig = await start({
      options: { requestTimeout: 200 },
    });
    using client = openLogStream(rig.endpoint.address);
    assert.equal((await client.status).code, status.DEADLINE_EXCEEDED);
    assert.deepEqual(rig.refused, ['no-identifier']);
  });

  test('a flood: the stream waits at its window, the gap is recorded, and other streams go on', async () => {
    // The clock stands still, so the stream stays above its rate.
    const limits = { ...defaultAccessLogLimits, streamBytes: 1_000 };
    const rig = await start({ now: () => 0, limits });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
    const [messages, each] = [100, 100];
    for (let index = 0; index < messages; index += 1) client.send(entries(each));
    client.end();
    // On the same connection, so it arrives after all that the window of the first stream allows.
    using other = openLogStream(rig.endpoint.address);
    other.send(first('mesh-2'));
    other.end();
    assert.equal((await other.status).code, status.OK);
    await rig.endpoint.close();
    assert.notEqual((await client.status).code, status.OK);
    assert.ok((rig.received.get('mesh-1') ?? 0) < messages * each);
    assert.deepEqual(rig.lost, ['mesh-1']);
    assert.deepEqual(rig.refused, []);
  });

  test('a flood of one moment: all of it is read later', async () => {
    const limits = { ...defaultAccessLogLimits, allBytes: 100_000 };
    await using rig = await start({ limits });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    for (let index = 0; index < 11; index += 1) client.send(entries(100));
    client.end();
    assert.equal((await client.status).code, status.OK);
    assert.equal(rig.received.get('mesh-1'), 1_101);
  });

  test('a client that is not permitted: gets the status of the xDS port, and nothing is counted', async () => {
    const claims: ClientClaim[] = [];
    const decide: DecideAccess = (claim) => {
      claims.push(claim);
      return claim.authorization === 'Bearer good'
        ? { kind: 'allowed', identity: 'app/web' }
        : refuse('token', 'the token is bad');
    };
    await using rig = await start({ decide: (claim) => Promise.resolve(decide(claim)) });
    for (const token of ['bad', 'good']) {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      using client = openLogStream(rig.endpoint.address, { metadata });
      client.send(first('mesh-1'));
      client.send(entries(2));
      if (token === 'bad') assert.deepEqual(await client.status, { code: 16, message: 'the token is bad' });
      else await rig.until('mesh-1', 3);
    }
    assert.deepEqual(
      claims.map(({ nodeId, mesh }) => [nodeId, mesh]),
      [
        ['node', 'mesh-1'],
        ['node', 'mesh-1'],
      ],
    );
    assert.deepEqual([rig.refused, rig.lost], [['denied'], []]);
  });

  test('a decision that does not come: the client is refused after the request timeout', async () => {
    await using rig = await start({
      decide: () => new Promise(() => undefined),
      options: { requestTimeout: 200 },
    });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    assert.equal((await client.status).code, status.DEADLINE_EXCEEDED);
    assert.equal(rig.received.size, 0);
    assert.equal(rig.endpoint.streams(), 0);
  });

  test('a decision that fails: the client is refused', async () => {
    await using rig = await start({ decide: () => Promise.reject(new Error('broken')) });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    assert.equal((await client.status).code, status.INTERNAL);
    assert.deepEqual(rig.refused, ['denied']);
  });

  test('a decision that fails at once: the client is refused', async () => {
    await using rig = await start({
      decide: () => {
        throw new Error('broken');
      },
    });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    assert.equal((await client.status).code, status.INTERNAL);
    assert.deepEqual(rig.refused, ['denied']);
  });

  for (const [what, decision] of [
    ['API server that does not answer', () => Promise.resolve(refuse('review-unavailable', 'no review'))],
    ['trust that was not read yet', () => refuse('not-ready', 'not yet')],
    ['decision that fails', () => Promise.reject(new Error('broken'))],
    ['decision that does not come', () => new Promise<never>(() => undefined)],
  ] as const satisfies readonly (readonly [string, DecideAccess])[])
    test(`${what}: the client is refused, and entries of its mesh may be missing`, async () => {
      await using rig = await start({ decide: decision, options: { requestTimeout: 200 } });
      using client = openLogStream(rig.endpoint.address);
      client.send(first('mesh-1'));
      assert.notEqual((await client.status).code, status.OK);
      assert.deepEqual([rig.received.size, rig.lost], [0, ['mesh-1']]);
    });

  test('client that ends its side before the decision: all of its entries count', async () => {
    const { decide, asked, decided } = decideLater();
    await using rig = await start({
      decide,
    });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    client.send(entries(2));
    client.end();
    await asked;
    // Answered after all that the client has sent before.
    using other = openLogStream(rig.endpoint.address);
    other.send(entries(1));
    await other.status;
    decided.resolve(allowed);
    assert.deepEqual(await client.status, { code: status.OK, message: '' });
    assert.equal(rig.received.get('mesh-1'), 3);
  });

  test('connection that breaks: entries of its streams may be missing', async () => {
    await using rig = await start();
    await using network = await startForwarder(Number(rig.endpoint.address.split(':')[1]));
    using client = openLogStream(`127.0.0.1:${network.port}`);
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
    network.reset();
    await poll('the stream is over', () => Promise.resolve(rig.endpoint.streams() === 0 ? true : undefined));
    assert.deepEqual(rig.lost, ['mesh-1']);
  });

  for (const { left, decision, counted, missing } of [
    { left: 'is then permitted', decision: allowed, counted: 1, missing: ['mesh-1'] },
    { left: 'is then denied', decision: refuse('token', 'the token is bad'), counted: 0, missing: [] },
    {
      left: 'cannot be decided about',
      decision: refuse('review-unavailable', 'no review'),
      counted: 0,
      missing: ['mesh-1'],
    },
    { left: 'is never decided about', decision: undefined, counted: 0, missing: ['mesh-1'] },
  ])
    test(`client that leaves before the decision and ${left}: ${counted} of its entries count`, async () => {
      const { decide, asked, decided } = decideLater();
      await using rig = await start({
        decide,
        options: { requestTimeout: 500 },
      });
      await using network = await startForwarder(Number(rig.endpoint.address.split(':')[1]));
      using client = openLogStream(`127.0.0.1:${network.port}`);
      client.send(first('mesh-1'));
      await asked;
      network.reset();
      await client.status;
      // Answered after the server has seen the end of the other connection.
      using other = openLogStream(rig.endpoint.address);
      other.send(entries(1));
      await other.status;
      if (decision !== undefined) decided.resolve(decision);
      await poll('the stream is forgotten', () =>
        Promise.resolve(rig.endpoint.streams() === 0 ? true : undefined),
      );
      assert.deepEqual([rig.received.get('mesh-1') ?? 0, rig.lost], [counted, missing]);
    });

  test('client that has ended its side and leaves before the decision: all of its entries count', async () => {
    const { decide, asked, decided } = decideLater();
    await using rig = await start({
      decide,
    });
    const client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    client.end();
    await asked;
    client[Symbol.dispose]();
    await client.status;
    // Answered after the reset of the other stream.
    using other = openLogStream(rig.endpoint.address);
    other.send(entries(1));
    await other.status;
    decided.resolve(allowed);
    await rig.until('mesh-1', 1);
    assert.deepEqual(rig.lost, []);
  });

  test('clients that leave before the decision: count as streams, so they cannot fill the memory', async () => {
    await using rig = await start({
      decide: () => new Promise(() => undefined),
      limits: { ...defaultAccessLogLimits, streams: 1 },
    });
    const client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await poll('the stream is open', () => Promise.resolve(rig.endpoint.streams() === 1 ? true : undefined));
    client[Symbol.dispose]();
    await client.status;
    using other = openLogStream(rig.endpoint.address);
    other.send(first('mesh-2'));
    assert.equal((await other.status).code, status.RESOURCE_EXHAUSTED);
  });

  test('client that is too fast and is refused: says nothing of the entries of others', async () => {
    await using rig = await start({
      decide: () => refuse('token', 'the token is bad'),
      limits: { ...defaultAccessLogLimits, streamBytes: 10 },
    });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    assert.equal((await client.status).code, status.UNAUTHENTICATED);
    assert.deepEqual(rig.lost, []);
  });

  test('client that is too fast while it waits for the decision: entries of its mesh may be missing', async () => {
    await using rig = await start({
      decide: () => Promise.resolve(allowed),
      limits: { ...defaultAccessLogLimits, streamBytes: 10 },
    });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
    assert.deepEqual(rig.lost, ['mesh-1']);
  });

  for (const [what, identifier] of [
    ['node id', identifierOf('n'.repeat(4_097))],
    ['mesh', identifierOf('n', 'm'.repeat(4_097))],
  ] as const)
    test(`${what} of more than 4,096 characters: is refused, because each stream keeps it`, async () => {
      await using rig = await start();
      using client = openLogStream(rig.endpoint.address);
      client.send({ identifier, ...entries(1) });
      assert.equal((await client.status).code, status.INVALID_ARGUMENT);
      assert.deepEqual([rig.refused, rig.received.size], [['malformed'], 0]);
    });

  test('token that expires: its stream ends at its age, and entries may be missing', async () => {
    let time = Date.now();
    const now = (): number => time;
    const account = { kind: 'service-account', namespace: 'edge', name: 'envoy', pod: undefined } as const;
    const decide = decideAccess({
      judge: undefined,
      tokens: {
        reviewer: { review: () => ({ kind: 'accepted', account }) },
        audience: 'meshtrust',
        accepted: () => undefined,
      },
      rules: () => undefined,
      allowsAnonymous: false,
      now,
    });
    await using rig = await start({ decide, options: { xdsMaxStreamAge: 1 } });
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${fakeToken({ exp: Math.floor(time / 1_000) + 60 })}`);
    using client = openLogStream(rig.endpoint.address, { metadata });
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
    time += 120_000;
    client.send(entries(1));
    assert.equal((await client.status).code, status.UNAUTHENTICATED);
    assert.deepEqual([rig.refused, rig.lost], [['denied'], ['mesh-1']]);
    await poll('the stream is forgotten', () =>
      Promise.resolve(rig.endpoint.streams() === 0 ? true : undefined),
    );
  });

  test('stream at its age: stays open while there is no answer, and ends with the refusal after it', async () => {
    const refusal = { ...refuse('mesh', 'no right to the mesh'), identity: 'app/web' };
    const answers: readonly (() => ReturnType<DecideAccess>)[] = [
      () => allowed,
      () => refuse('review-unavailable', 'no review'),
      () => Promise.resolve(refuse('not-ready', 'not yet')),
      () => Promise.reject(new Error('broken')),
      () => {
        throw new Error('broken');
      },
      () => ({ kind: 'allowed', identity: 'another' }),
    ];
    let asks = 0;
    const later = Promise.withResolvers<AccessDecision>();
    const asked = Promise.withResolvers<void>();
    const claims = new Set<string>();
    const decide: DecideAccess = ({ nodeId, mesh }) => {
      claims.add(`${nodeId} ${mesh}`);
      const answer = answers[asks++];
      if (answer !== undefined) return answer();
      asked.resolve();
      return later.promise;
    };
    await using rig = await start({ decide, options: { xdsMaxStreamAge: 1 } });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await asked.promise;
    client.send(entries(2));
    await rig.until('mesh-1', 3);
    assert.deepEqual([rig.refused, rig.lost], [[], []]);
    later.resolve(refusal);
    assert.deepEqual(await client.status, {
      code: status.PERMISSION_DENIED,
      message: 'no right to the mesh',
    });
    assert.deepEqual([rig.refused, rig.lost], [['denied'], ['mesh-1']]);
    assert.deepEqual([...claims], ['node mesh-1']);
  });

  test('refusal after the client has ended the stream: says nothing of its entries', async () => {
    const { decide: decideAgain, asked, decided } = decideLater();
    let asks = 0;
    const decide: DecideAccess = (claim) => (asks++ === 0 ? allowed : decideAgain(claim));
    await using rig = await start({ decide, options: { xdsMaxStreamAge: 1 } });
    using client = openLogStream(rig.endpoint.address);
    client.send(first('mesh-1'));
    await asked;
    client.end();
    assert.deepEqual(await client.status, { code: status.OK, message: '' });
    decided.resolve(refuse('token', 'the token is bad'));
    await decided.promise;
    assert.deepEqual([rig.refused, rig.lost], [[], []]);
  });

  test('client certificates: reach the decision, and TLS refuses those of another CA', async () => {
    const ca = makeCa({ commonName: 'Server CA' });
    const [clientCa, otherCa] = [makeCa({ commonName: 'Client CA' }), makeCa({ commonName: 'Other CA' })];
    const server = makeLeaf(ca, { dnsNames: ['localhost'] });
    await using dir = await makeTempDir();
    const files = { 'tls.crt': server.certPem, 'tls.key': server.keyPem, 'ca.crt': clientCa.certPem };
    for (const [name, text] of Object.entries(files)) await writeFile(dir.join(name), text);
    const claims: ClientClaim[] = [];
    await using rig = await start({
      listen: 'localhost:0',
      decide: (claim) => {
        claims.push(claim);
        return { kind: 'allowed', identity: undefined };
      },
      options: {
        tls: { certificate: dir.join('tls.crt'), key: dir.join('tls.key'), clientCa: dir.join('ca.crt') },
        xdsAuth: { methods: ['mtls'] },
      },
    });
    const channelOf = (issuedBy: typeof ca): ChannelCredentials => {
      const { certPem, keyPem } = makeLeaf(issuedBy, { spiffeId: 'spiffe://a.test/proxy' });
      return credentials.createSsl(Buffer.from(ca.certPem), Buffer.from(keyPem), Buffer.from(certPem));
    };
    using stranger = openLogStream(rig.endpoint.address, { channel: channelOf(otherCa) });
    stranger.send(first('mesh-1'));
    assert.equal((await stranger.status).code, status.UNAVAILABLE);
    using client = openLogStream(rig.endpoint.address, { channel: channelOf(clientCa) });
    client.send(first('mesh-1'));
    await rig.until('mesh-1', 1);
    assert.deepEqual(
      claims.map(({ certificate }) => certificate?.isVerified),
      [true],
    );
    assert.ok(rig.refused.includes('tls'));
  });

  for (const [what, maxStreamAge] of [
    ['at the age of a stream', 1],
    ['at the start of a stream', 0],
  ] as const)
    test(`client CA that was removed, ${what}: the stream ends, and the next one has another connection`, async () => {
      const ca = makeCa({ commonName: 'Server CA' });
      const [removed, kept] = [makeCa({ commonName: 'Removed CA' }), makeCa({ commonName: 'Kept CA' })];
      const server = makeLeaf(ca, { dnsNames: ['localhost'] });
      await using dir = await makeTempDir();
      const files = {
        'tls.crt': server.certPem,
        'tls.key': server.keyPem,
        'ca.crt': removed.certPem + kept.certPem,
      };
      for (const [name, text] of Object.entries(files)) await writeFile(dir.join(name), text);
      const [ofRemoved, ofKept] = [removed, kept].map(({ certPem }) => new X509Certificate(certPem));
      assert.ok(ofRemoved !== undefined && ofKept !== undefined);
      const clientCas = createClientCas();
      clientCas.update([ofRemoved, ofKept]);
      const now = (): number => Date.now();
      const view = (): never => assert.fail('the client CAs decide');
      const judged = decideAccess({
        judge: certificateJudge(undefined, { view, now, clientCas }),
        tokens: undefined,
        rules: () => undefined,
        allowsAnonymous: false,
        now,
      });
      const addresses: string[] = [];
      await using rig = await start({
        listen: 'localhost:0',
        decide: (claim) => {
          if (addresses.at(-1) !== claim.address) addresses.push(claim.address);
          return judged(claim);
        },
        options: {
          tls: { certificate: dir.join('tls.crt'), key: dir.join('tls.key'), clientCa: dir.join('ca.crt') },
          xdsAuth: { methods: ['mtls'] },
          xdsMaxStreamAge: maxStreamAge,
        },
      });
      const { certPem, keyPem } = makeLeaf(removed, { spiffeId: 'spiffe://a.test/proxy' });
      const channel = credentials.createSsl(
        Buffer.from(ca.certPem),
        Buffer.from(keyPem),
        Buffer.from(certPem),
      );
      using open = openLogStream(rig.endpoint.address, { channel });
      open.send(first('mesh-1'));
      await rig.until('mesh-1', 1);
      clientCas.update([ofKept]);
      if (maxStreamAge === 0) {
        using refused = openLogStream(rig.endpoint.address, { channel });
        refused.send(first('mesh-2'));
        assert.equal((await refused.status).code, status.UNAUTHENTICATED);
      } else assert.equal((await open.status).code, status.UNAUTHENTICATED);
      clientCas.update([ofRemoved, ofKept]);
      using again = openLogStream(rig.endpoint.address, { channel });
      again.send(first('mesh-3'));
      await rig.until('mesh-3', 1);
      assert.equal(addresses.length, 2);
      assert.equal(rig.endpoint.streams(), maxStreamAge === 0 ? 2 : 1);
    });
});
