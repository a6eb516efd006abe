import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { SecureContext } from 'node:tls';
import { secureContextOf } from '../../bench/fanout/open-socket.ts';
import { createFleet } from '../../bench/fanout/proxy.ts';
import type { Proxy } from '../../bench/fanout/proxy.ts';
import type { Heard, Protocol } from '../../bench/fanout/messages.ts';
import { createCompleteDecoder } from '../../src/xds/server/decode-request.ts';
import { stringField } from '../../src/xds/wire/write.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import { deltaResponses, sotwResponses } from '../xds/codec.ts';
import { path, startNodePeer, startOwnPeer } from './peers.ts';
import type { Peer } from './peers.ts';

const decoder = createCompleteDecoder();
const name = 'spiffe://a.test';
const smallNode = stringField(1, 'proxy-000001');
/** As long as the node of a real Envoy. */
const largeNode = Buffer.concat([smallNode, stringField(2, 'c'.repeat(61_000))]);

interface Connected extends Disposable {
  readonly proxy: Proxy;
  readonly heard: readonly Heard[];
  readonly accepted: Promise<void>;
  readonly ended: Promise<string>;
}

interface ConnectOptions {
  readonly protocol?: Protocol;
  readonly node?: Uint8Array;
  readonly version?: string;
  readonly secureContext?: SecureContext | undefined;
}

/** Connects a proxy that sends its node in every request. */
function connect(address: string, options: ConnectOptions = {}): Connected {
  const { protocol = 'delta', node = smallNode, version = '', secureContext } = options;
  const heard: Heard[] = [];
  const ended = Promise.withResolvers<string>();
  const accepted = Promise.withResolvers<void>();
  const fleet = createFleet({ address, secureContext, path, protocol, nodeInEveryRequest: true, name });
  const proxy = fleet({
    node,
    version,
    onAccepted: accepted.resolve,
    onResponse: (response) => heard.push(response),
    onEnd: ended.resolve,
  });
  return {
    proxy,
    heard,
    accepted: accepted.promise,
    ended: ended.promise,
    [Symbol.dispose]: () => proxy.close(),
  };
}

/** Returns a delta response with its gRPC header. */
function response(nonce: string, version: string, bodyLength = 2000): Buffer {
  const resource = { type_url: 'type', value: Buffer.alloc(bodyLength, 7) };
  const message = { type_url: 'type', nonce, resources: [{ name, version, resource }] };
  return withHeader(deltaResponses.serialize(message));
}

function withHeader(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

async function nextDelta(peer: Peer) {
  return decoder.delta(await peer.request(), true);
}

async function nextNonces(peer: Peer, count: number): Promise<readonly string[]> {
  const nonces: string[] = [];
  while (nonces.length < count) nonces.push((await nextDelta(peer)).nonce);
  return nonces;
}

/** A kind of server, and the windows that it is tested with; `undefined` for its own. */
interface Kind {
  readonly kind: string;
  readonly windows: readonly (number | undefined)[];
  readonly start: (window?: number) => Promise<Peer>;
}

const kinds: readonly Kind[] = [
  {
    kind: 'node:http2',
    windows: [1000, 65_535, undefined],
    start: (window) => startNodePeer(window === undefined ? {} : { initialWindowSize: window }),
  },
  {
    kind: 'GrpcServer',
    // Not below the default of HTTP/2: the server does not accept what a client sends before it knows the window.
    windows: [65_535, undefined],
    start: (window) =>
      startOwnPeer(window === undefined ? {} : { streamWindow: window, connectionWindow: window }),
  },
];

for (const { kind, windows, start } of kinds)
  suite(`simulated Envoy, server ${kind}`, () => {
    test('delta: subscribes, and acknowledges each response', async () => {
      await using peer = await start();
      using connected = connect(peer.address, { version: 'v0' });
      const first = await nextDelta(peer);
      assert.deepEqual([first.subscribe, first.node?.id, first.nonce], [[name], 'proxy-000001', '']);
      assert.deepEqual([...first.initialVersions], [[name, 'v0']]);
      for (const nonce of ['1', '2', '3']) {
        peer.send(response(nonce, `v${nonce}`));
        const ack = await nextDelta(peer);
        assert.deepEqual([ack.subscribe, ack.nonce, ack.error], [[], nonce, undefined]);
      }
      assert.equal(connected.proxy.version, 'v3');
      assert.equal(connected.heard.length, 3);
    });

    test('sotw: quotes the version in each request', async () => {
      await using peer = await start();
      using connected = connect(peer.address, { protocol: 'sotw', version: 'v0' });
      assert.equal(decoder.sotw(await peer.request(), true).version, 'v0');
      const message = { version_info: 'v1', resources: [{ type_url: 'type' }], type_url: 'type', nonce: '8' };
      peer.send(withHeader(sotwResponses.serialize(message)));
      const ack = decoder.sotw(await peer.request(), true);
      assert.deepEqual([ack.names, ack.version, ack.nonce], [[name], 'v1', '8']);
      assert.equal(connected.proxy.version, 'v1');
    });

    test('responses of 1 MB: arrive, and are acknowledged in order', async () => {
      await using peer = await start();
      using connected = connect(peer.address);
      await peer.request();
      const nonces = ['1', '2', '3', '4'];
      for (const nonce of nonces) peer.send(response(nonce, 'v', 1_000_000));
      assert.deepEqual(await nextNonces(peer, 4), nonces);
      assert.equal(connected.heard.length, 4);
    });

    for (const window of windows)
      test(`61 KB of node in every request, server window ${window ?? 'default'}: each request arrives`, async () => {
        await using peer = await start(window);
        using _ = connect(peer.address, { node: largeNode });
        assert.equal((await nextDelta(peer)).node?.cluster.length, 61_000);
        const nonces = ['1', '2', '3', '4', '5'];
        for (const nonce of nonces) peer.send(response(nonce, 'v'));
        for (const nonce of nonces) {
          const ack = await nextDelta(peer);
          assert.deepEqual([ack.nonce, ack.node?.cluster.length], [nonce, 61_000]);
        }
      });

    test('trailers: end the proxy with their status', async () => {
      await using peer = await start();
      using connected = connect(peer.address);
      await peer.request();
      peer.send(response('1', 'v1'));
      peer.end(14);
      assert.equal(await connected.ended, 'status 14');
      assert.equal(connected.heard.length, 1);
    });

    test('closed connection: ends the proxy', async () => {
      await using peer = await start();
      using connected = connect(peer.address);
      await peer.request();
      peer.cut();
      // Node.js sends GOAWAY before it closes.
      assert.match(await connected.ended, /^(connection closed|GOAWAY with code 0|Error: read ECONNRESET)$/);
    });
  });

suite('simulated Envoy', () => {
  test('two messages in one write: both are acknowledged', async () => {
    await using peer = await startNodePeer();
    using _ = connect(peer.address);
    await peer.request();
    peer.send(Buffer.concat([response('1', 'v1'), response('2', 'v2')]));
    assert.deepEqual(await nextNonces(peer, 2), ['1', '2']);
  });

  test('response in many writes and frames: is acknowledged once it is complete', async () => {
    await using peer = await startNodePeer();
    using connected = connect(peer.address);
    await peer.request();
    const bytes = Buffer.concat([response('1', 'v1'), response('2', 'v2')]);
    for (let at = 0; at < bytes.length - 1; at += 97) {
      peer.send(bytes.subarray(at, Math.min(at + 97, bytes.length - 1)));
      // The acknowledgement of a PING follows all frames before it.
      await peer.ping();
    }
    assert.deepEqual(
      connected.heard.map(({ nonce }) => nonce),
      ['1'],
    );
    peer.send(bytes.subarray(-1));
    assert.deepEqual(await nextNonces(peer, 2), ['1', '2']);
  });

  test('pause, server node:http2: no response arrives until resume', async () => {
    await using peer = await startNodePeer();
    using connected = connect(peer.address);
    await peer.request();
    peer.send(response('1', 'v1'));
    await peer.request();
    await connected.proxy.pause();
    peer.send(response('2', 'v2'));
    await peer.ping();
    assert.equal(connected.heard.length, 1);
    connected.proxy.resume();
    assert.equal((await nextDelta(peer)).nonce, '2');
  });

  test('pause, server GrpcServer: the response stays in the server until resume', async () => {
    await using peer = await startOwnPeer();
    using connected = connect(peer.address);
    await peer.request();
    peer.send(response('1', 'v1'));
    await peer.request();
    await connected.proxy.pause();
    const bytes = response('2', 'v2');
    peer.send(bytes);
    assert.equal(peer.call()?.unsentBytes, bytes.length);
    connected.proxy.resume();
    assert.equal((await nextDelta(peer)).nonce, '2');
    assert.equal(peer.call()?.unsentBytes, 0);
  });

  test('pause during a request that waits for a window, and resume: nothing is lost', async () => {
    await using peer = await startNodePeer({ initialWindowSize: 1000 });
    using connected = connect(peer.address, { node: largeNode });
    await connected.accepted;
    await connected.proxy.pause();
    assert.equal((await nextDelta(peer)).node?.cluster.length, 61_000);
    peer.send(response('1', 'v1'));
    connected.proxy.resume();
    assert.equal((await nextDelta(peer)).nonce, '1');
  });

  test('close: the server loses the connection, and nothing is reported', async () => {
    await using peer = await startNodePeer();
    using connected = connect(peer.address);
    await peer.request();
    connected.proxy.close();
    const lost = peer.ping().then(
      () => 'the connection is open',
      () => 'the connection is closed',
    );
    assert.equal(await Promise.race([connected.ended, lost]), 'the connection is closed');
  });

  test('no server: ends the proxy with the error', async () => {
    const peer = await startNodePeer();
    await peer[Symbol.asyncDispose]();
    using connected = connect(peer.address);
    assert.match(await connected.ended, /ECONNREFUSED/);
  });

  const ca = makeCa();
  const server = makeLeaf(ca, { dnsNames: ['localhost'] });
  const client = makeLeaf(ca, { spiffeId: 'spiffe://a.test/proxy' });
  const tls = { cert: server.certPem, key: server.keyPem };

  test('mTLS: connects with its certificate, and reads large and small responses', async () => {
    await using peer = await startNodePeer({}, { ...tls, ca: ca.certPem, requestCert: true });
    const identity = { cert: client.certPem, key: client.keyPem };
    const secureContext = secureContextOf({ ca: ca.certPem, identity });
    using proxies = new DisposableStack();
    for (let index = 0; index < 5; index += 1) {
      proxies.use(connect(peer.address, { secureContext, node: largeNode }));
      assert.equal((await nextDelta(peer)).nonce, '');
    }
    peer.send(response('1', 'v1', 500_000));
    peer.send(response('2', 'v2'));
    assert.deepEqual(await nextNonces(peer, 2), ['1', '2']);
  });

  test('TLS, certificate of another CA: ends the proxy with the error', async () => {
    await using peer = await startNodePeer({}, tls);
    const secureContext = secureContextOf({ ca: makeCa().certPem, identity: undefined });
    using connected = connect(peer.address, { secureContext });
    assert.match(await connected.ended, /unable to verify|self-signed|certificate/);
  });
});
