import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { TLSSocket, connect, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { parseRules } from '../../src/access/parse-rules.ts';
import type { AccessRule } from '../../src/access/rules.ts';
import { certificateJudge } from '../../src/access/certificate-judge.ts';
import { createClientCas } from '../../src/access/client-cas.ts';
import { decideAccess } from '../../src/access/decide-access.ts';
import type { DecideAccess } from '../../src/access/claim.ts';
import type { XdsAuthOptions } from '../../src/runtime/serve-options.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import type { MeshStates } from '../../src/trust/snapshot/mesh-builder.ts';
import { bundleOf, shareOf } from '../kit/bundles.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';
import { assertNoSecondHandshake } from '../kit/second-handshake.ts';
import { xdsTransports } from '../kit/xds-transports.ts';
import type { ClientStream, XdsClient } from '../xds/client.ts';
import type { DeltaResponse } from '../xds/codec.ts';
import { ads, sds } from '../xds/loopback/serving.ts';
import { serverCa, startRig } from './access-rig.ts';

const meshCa = makeCa({ commonName: 'Mesh CA' });
const nextCa = makeCa({ commonName: 'Next CA' });
const strangerCa = makeCa({ commonName: 'Stranger CA' });
const intermediate = makeIntermediate(meshCa);
const proxyId = 'spiffe://mesh-a.east.mesh.local/ns/edge/sa/envoy';
const proxyA = makeLeaf(meshCa, { spiffeId: proxyId });

/** Returns the TLS options of a client with the certificate of a proxy. */
function clientOf(address: string) {
  return {
    host: '127.0.0.1',
    port: Number(address.split(':').at(-1)),
    ca: serverCa.certPem,
    servername: 'localhost',
    cert: proxyA.certPem,
    key: proxyA.keyPem,
    ALPNProtocols: ['h2'],
  };
}

const rules = `
- from: { spiffeId: 'spiffe://{mesh}.*.mesh.local/ns/{namespace}/sa/*' }
  mesh: '{mesh}'
  node: '*.{namespace}'
`;

function rulesOf(text: string): readonly AccessRule[] {
  const parsed = parseRules(text);
  assert.ok(parsed.kind === 'rules', JSON.stringify(parsed));
  return parsed.rules;
}

/** Returns meshes of which `mesh-a` trusts CAs for the trust domain of `proxyA`. */
function meshesOf(...cas: readonly Certificate[]): MeshStates {
  const bundle = { merged: [bundleOf([shareOf('mesh-a.east.mesh.local', cas)])] };
  return new Map([['mesh-a', { bundle }]]) as unknown as MeshStates;
}

const nodeOf = (id: string, mesh: string): object => ({
  id,
  metadata: { fields: { mesh: { stringValue: mesh, kind: 'stringValue' } } },
});
const deltaOf = (id: string, mesh: string): object => ({
  node: nodeOf(id, mesh),
  type_url: secretTypeUrl,
  resource_names_subscribe: ['ALL'],
});
const sotwOf = (id: string, mesh: string): object => ({
  node: nodeOf(id, mesh),
  type_url: secretTypeUrl,
  resource_names: ['ALL'],
});

for (const xdsTransport of xdsTransports) {
  suite(`clients of the xDS port, ${xdsTransport}`, () => {
    const view = { readiness: { kind: 'ready' }, meshes: meshesOf(meshCa) } as const;
    const byTrust = (current: () => MeshStates): DecideAccess =>
      decideAccess({
        judge: certificateJudge('mesh-a', {
          view: () => ({ ...view, meshes: current() }),
          now: () => Date.now(),
        }),
        tokens: undefined,
        rules: () => rulesOf(rules),
        allowsAnonymous: false,
        now: () => Date.now(),
      });
    const trusting: XdsAuthOptions = { methods: ['mtls'], clientTrust: 'mesh-a' };

    test('proxy of mesh A: subscribes to mesh A, and to no other mesh and under no other node id', async () => {
      const decide = byTrust(() => view.meshes);
      await using rig = await startRig({ xdsTransport, auth: trusting, decide });
      using client = rig.connect(proxyA);
      using own = client.delta(ads.delta);
      own.send(deltaOf('gateway.edge', 'mesh-a'));
      assert.equal((await own.next()).resources[0]?.name, 'ALL');
      const [info] = rig.streams;
      assert.equal(info?.identity, proxyId);
      assert.equal(info.origin, info.identity);

      const events = rig.events.length;
      for (const [id, mesh] of [
        ['gateway.edge', 'mesh-b'],
        ['gateway.other', 'mesh-a'],
        ['', 'mesh-a'],
      ] as const) {
        for (const path of [ads.delta, sds.delta]) {
          using stream = client.delta(path);
          // The ACK follows at once: it must have no effect either.
          stream.send(deltaOf(id, mesh));
          stream.send({ type_url: secretTypeUrl, response_nonce: '1' });
          stream.send({
            type_url: secretTypeUrl,
            response_nonce: '1',
            error_detail: { code: 3, message: 'no' },
          });
          assert.equal((await stream.ended).code, status.PERMISSION_DENIED, `${id} ${mesh}`);
        }
        for (const path of [ads.sotw, sds.sotw]) {
          using stream = client.sotw(path);
          stream.send(sotwOf(id, mesh));
          assert.equal((await stream.ended).code, status.PERMISSION_DENIED, `${id} ${mesh}`);
        }
        await assert.rejects(client.fetch(sds.fetch, sotwOf(id, mesh)), { code: status.PERMISSION_DENIED });
      }
      assert.equal(rig.events.length, events, 'no request of a refused stream had an effect');
      assert.deepEqual(
        Map.groupBy(rig.denied, ({ reason }) => reason)
          .entries()
          .map(([reason, all]) => [reason, all.length])
          .toArray(),
        [
          ['mesh', 5],
          ['node', 10],
        ],
      );
      // All kinds of streams, and the unary request, name the identity, and the mesh that they claim.
      assert.equal(new Set(rig.denied.map(({ identity }) => identity)).size, 1);
      for (const { reason, group, identity } of rig.denied)
        assert.ok(
          identity !== undefined && (reason === 'mesh') === (group !== 'mesh-a'),
          `${reason} ${group}`,
        );
      const fetched = await client.fetch(sds.fetch, sotwOf('gateway.edge', 'mesh-a'));
      assert.equal(fetched.resources.length, 1);
    });

    test('later request with the node id of another proxy: ends the stream, and names both', async () => {
      await using rig = await startRig({ xdsTransport, auth: trusting, decide: byTrust(() => view.meshes) });
      using client = rig.connect(proxyA);
      for (const [path, first] of [
        [ads.delta, deltaOf('gateway.edge', 'mesh-a')],
        [sds.delta, deltaOf('gateway.edge', 'mesh-a')],
        [ads.sotw, sotwOf('gateway.edge', 'mesh-a')],
        [sds.sotw, sotwOf('gateway.edge', 'mesh-a')],
      ] as const) {
        using stream = path === ads.delta || path === sds.delta ? client.delta(path) : client.sotw(path);
        stream.send(first);
        const { nonce } = await stream.next();
        const acked = rig.events.length;
        // A node of several frames, which would be dropped on its way if it did not matter.
        const node = { ...nodeOf('other.edge', 'mesh-a'), cluster: 'c'.repeat(100_000) };
        stream.send({ type_url: secretTypeUrl, response_nonce: nonce, node });
        const { code, details } = await stream.ended;
        assert.equal(code, status.PERMISSION_DENIED, path);
        assert.match(details, /^node id "other\.edge" differs from "gateway\.edge"/);
        assert.equal(rig.events.length, acked, 'the ACK of the other node has no effect');
        assert.deepEqual(
          rig.denied.splice(0).map(({ nodeId, reason, isJudgedAgain }) => [nodeId, reason, isJudgedAgain]),
          [['other.edge', 'node', false]],
        );
      }
    });

    test('later request with the same node id: may name another mesh, to no effect', async () => {
      await using rig = await startRig({ xdsTransport, auth: trusting, decide: byTrust(() => view.meshes) });
      using client = rig.connect(proxyA);
      using stream = client.delta(ads.delta);
      stream.send(deltaOf('gateway.edge', 'mesh-a'));
      const { nonce } = await stream.next();
      stream.send({ type_url: secretTypeUrl, response_nonce: nonce, node: nodeOf('gateway.edge', 'mesh-b') });
      stream.send({
        type_url: secretTypeUrl,
        resource_names_unsubscribe: ['ALL'],
        node: nodeOf('', 'mesh-b'),
      });
      stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['OTHER'] });
      await stream.next();
      assert.deepEqual(
        new Set(rig.events.map((event) => event.replace(/^\S+ /, ''))),
        new Set(['gateway.edge mesh-a']),
      );
    });

    test('stream that reached its age: ends if the rules no longer allow its client', async () => {
      let inForce = rulesOf(rules);
      const decide = decideAccess({
        judge: certificateJudge('mesh-a', { view: () => view, now: () => Date.now() }),
        tokens: undefined,
        rules: () => inForce,
        allowsAnonymous: false,
        now: () => Date.now(),
      });
      const options = { xdsMaxStreamAge: 1 };
      await using rig = await startRig({ xdsTransport, auth: trusting, decide, options });
      using client = rig.connect(proxyA);
      using stream = client.delta(ads.delta);
      stream.send(deltaOf('gateway.edge', 'mesh-a'));
      await stream.next();
      inForce = rulesOf('[]');
      const { code, details } = await stream.ended;
      assert.equal(code, status.PERMISSION_DENIED, details);
      assert.deepEqual(
        rig.denied.map(({ nodeId, reason, isJudgedAgain }) => [nodeId, reason, isJudgedAgain]),
        [['gateway.edge', 'mesh', true]],
      );
    });

    test('stream that reached its age: ends with its connection if the certificate is refused by now', async () => {
      let meshes = meshesOf(meshCa);
      const options = { xdsMaxStreamAge: 1 };
      const decide = byTrust(() => meshes);
      await using rig = await startRig({ xdsTransport, auth: trusting, decide, options });
      using client = rig.connect(proxyA);
      using stream = client.delta(ads.delta);
      stream.send(deltaOf('gateway.edge', 'mesh-a'));
      await stream.next();
      const [first] = rig.streams;
      meshes = meshesOf(nextCa);
      assert.equal((await stream.ended).code, status.UNAUTHENTICATED);
      meshes = meshesOf(meshCa);
      using again = client.delta(ads.delta);
      again.send(deltaOf('gateway.edge', 'mesh-a'));
      await again.next();
      const [second] = rig.streams;
      assert.notEqual(second?.address, first?.address, 'the client has opened a new connection');
    });

    test('client CA that expires while its client is connected: no new stream, and the open one ends at its age', async () => {
      const ending = makeCa({ commonName: 'Ending CA', notAfter: new Date(Date.now() + 3_600_000) });
      const cas = [ending, meshCa].map(({ certPem }) => new X509Certificate(certPem));
      const clientCas = createClientCas();
      clientCas.update(cas);
      let time = Date.now();
      const now = (): number => time;
      const decide = decideAccess({
        judge: certificateJudge(undefined, { view: () => view, now, clientCas }),
        tokens: undefined,
        rules: () => undefined,
        allowsAnonymous: false,
        now,
      });
      const clientCa = { ...ending, certPem: ending.certPem + meshCa.certPem };
      await using rig = await startRig({
        xdsTransport,
        auth: { methods: ['mtls'] },
        decide,
        clientCa,
        options: { xdsMaxStreamAge: 1 },
      });
      const open = async (client: XdsClient): Promise<ClientStream<DeltaResponse>> => {
        const stream = client.delta(ads.delta);
        stream.send(deltaOf('gateway.edge', 'mesh-a'));
        await stream.next();
        return stream;
      };
      // The leaf outlives its CA.
      using client = rig.connect(makeLeaf(ending, { spiffeId: proxyId }));
      using kept = rig.connect(proxyA);
      const [ofEnding, ofKept] = [await open(client), await open(kept)];
      time = ending.notAfter.getTime() + 1;
      await assert.rejects(open(client));
      assert.equal((await ofEnding.ended).code, status.UNAUTHENTICATED);
      assert.deepEqual(
        new Set(rig.denied.map(({ reason, isJudgedAgain }) => `${reason} ${isJudgedAgain}`)),
        new Set(['certificate false', 'certificate true']),
      );
      assert.equal(rig.streams.size, 1);
      ofKept.send({ type_url: secretTypeUrl, resource_names_subscribe: ['OTHER'] });
      await ofKept.next();
    });

    test('connection of a refused certificate: is closed, but not while it has an open stream', async () => {
      let meshes = meshesOf(meshCa);
      await using rig = await startRig({ xdsTransport, auth: trusting, decide: byTrust(() => meshes) });
      using client = rig.connect(proxyA);
      const subscribe = (): ClientStream<DeltaResponse> => {
        const stream = client.delta(ads.delta);
        stream.send(deltaOf('gateway.edge', 'mesh-a'));
        return stream;
      };
      const open = subscribe();
      await open.next();
      meshes = meshesOf(nextCa);
      const addressOfDenied = async (): Promise<string> => {
        assert.equal((await subscribe().ended).code, status.UNAUTHENTICATED);
        return rig.denied.at(-1)?.address ?? '';
      };
      const address = await addressOfDenied();
      assert.equal(await addressOfDenied(), address, 'the same connection');
      assert.equal(rig.streams.size, 1, 'the open stream stays');

      open.cancel();
      await open.ended;
      // The cancellation and the next stream may overtake each other, and the GOAWAY the stream after that.
      for (let attempt = 0; (await addressOfDenied()) === address; attempt += 1)
        assert.ok(attempt < 100, 'the client never used another connection');
    });

    test('stream that reached its age: stays open while the judge has no answer', async () => {
      const asked = [1, 2, 3].map(() => Promise.withResolvers<void>());
      let asks = 0;
      const decide: DecideAccess = () => {
        asked[asks]?.resolve();
        asks += 1;
        if (asks === 1) return { kind: 'allowed', identity: 'first' };
        if (asks === 2) return { kind: 'refused', reason: 'review-unavailable', message: 'away' };
        if (asks === 3) return Promise.reject(new Error('broken'));
        return { kind: 'refused', reason: 'token', message: 'expired' };
      };
      const options = { xdsMaxStreamAge: 1 };
      await using rig = await startRig({ xdsTransport, auth: { methods: ['token'] }, decide, options });
      using client = rig.connect();
      using stream = client.delta(ads.delta);
      stream.send(deltaOf('n', 'mesh-a'));
      await stream.next();
      await asked[2]?.promise;
      assert.equal(rig.streams.size, 1);
      stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['OTHER'] });
      await stream.next();
      assert.equal((await stream.ended).code, status.UNAUTHENTICATED);
      assert.deepEqual(
        rig.denied.map(({ reason }) => reason),
        ['token'],
      );
    });

    test('certificate that the served trust does not verify: is refused, and leaves other streams alone', async () => {
      let meshes = meshesOf(meshCa);
      await using rig = await startRig({ xdsTransport, auth: trusting, decide: byTrust(() => meshes) });
      const end = async (client: XdsClient): Promise<number> => {
        using stream = client.delta(ads.delta);
        stream.send(deltaOf('gateway.edge', 'mesh-a'));
        return (await stream.ended).code;
      };
      using stranger = rig.connect(makeLeaf(strangerCa, { spiffeId: proxyId }));
      assert.equal(await end(stranger), status.UNAUTHENTICATED);
      using nobody = rig.connect();
      assert.equal(await end(nobody), status.UNAUTHENTICATED);
      assert.deepEqual(
        rig.denied.map(({ reason }) => reason),
        ['certificate', 'no-credentials'],
      );

      // A rotation: streams that begin now are judged by the trust in force now.
      using old = rig.connect(proxyA);
      using open = old.delta(ads.delta);
      open.send(deltaOf('gateway.edge', 'mesh-a'));
      await open.next();
      meshes = meshesOf(nextCa);
      assert.equal(await end(old), status.UNAUTHENTICATED, 'the same connection, a new stream');
      using next = rig.connect(makeLeaf(nextCa, { spiffeId: proxyId }));
      using accepted = next.delta(ads.delta);
      accepted.send(deltaOf('gateway.edge', 'mesh-a'));
      await accepted.next();
      assert.equal(rig.streams.size, 2, 'the open stream stays');
    });

    test('intermediate that the client sends: counts, on each connection', async () => {
      await using rig = await startRig({ xdsTransport, auth: trusting, decide: byTrust(() => view.meshes) });
      const leaf = makeLeaf(intermediate, { spiffeId: proxyId });
      for (let times = 0; times < 2; times += 1) {
        using client = rig.connect(leaf, [intermediate]);
        using stream = client.delta(ads.delta);
        stream.send(deltaOf('gateway.edge', 'mesh-a'));
        await stream.next();
      }
      using without = rig.connect(leaf);
      using stream = without.delta(ads.delta);
      stream.send(deltaOf('gateway.edge', 'mesh-a'));
      assert.equal((await stream.ended).code, status.UNAUTHENTICATED);
    });

    test('stranger that sends a hundred certificates: they are read once, for all streams of the connection', async (t) => {
      await using rig = await startRig({ xdsTransport, auth: trusting, decide: byTrust(() => view.meshes) });
      const many = Array.from({ length: 100 }, (_, index) =>
        makeCa({ commonName: `Other ${index}`, key: meshCa }),
      );
      using client = rig.connect(makeLeaf(strangerCa, { spiffeId: proxyId }), many);
      const read = t.mock.method(TLSSocket.prototype, 'getPeerX509Certificate');
      for (let streams = 0; streams < 5; streams += 1) {
        // On one connection, which is retired once no stream is open.
        const open = [client.delta(ads.delta), client.delta(ads.delta)];
        for (const stream of open) stream.send(deltaOf('gateway.edge', 'mesh-a'));
        for (const stream of open) assert.equal((await stream.ended).code, status.UNAUTHENTICATED);
      }
      const sockets = new Set(read.mock.calls.map((call) => call.this));
      assert.equal(read.mock.callCount(), sockets.size);
      assert.ok(sockets.size > 0);
    });

    for (const [what, auth, clientCa] of [
      ['served trust', trusting, undefined],
      ['client CA', { methods: ['mtls'] }, meshCa],
      ['client CA and another method', { methods: ['mtls', 'none'] }, meshCa],
    ] as const)
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
        test(`${what}, session of ${maxVersion}: is not resumed, because it would lack the intermediates`, async () => {
          const rigOptions = { xdsTransport, auth, decide: byTrust(() => view.meshes) };
          await using rig = await startRig(clientCa === undefined ? rigOptions : { ...rigOptions, clientCa });
          const options = { ...clientOf(rig.address), maxVersion };
          const first = connect(options);
          // The preface, and empty SETTINGS. Those of the server come after its tickets.
          first.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
          first.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0));
          await once(first, 'data');
          const session = first.getSession();
          first.destroy();
          const second = connect({ ...options, session });
          await once(second, 'secureConnect');
          assert.equal(second.isSessionReused(), false);
          second.destroy();
        });

    // OpenSSL takes another certificate of the client then, and Node.js goes on calling the connection verified.
    test('client asks for a second handshake on its connection: the connection ends', async () => {
      const auth: XdsAuthOptions = { methods: ['mtls', 'none'] };
      const decide = byTrust(() => view.meshes);
      await using rig = await startRig({ xdsTransport, auth, decide, clientCa: meshCa });
      await assertNoSecondHandshake(clientOf(rig.address));
    });

    test('client CA and another method: a certificate of another CA is no credential', async () => {
      const decide = decideAccess({
        judge: certificateJudge(undefined, { view: () => view, now: () => Date.now() }),
        tokens: undefined,
        rules: () => undefined,
        allowsAnonymous: true,
        now: () => Date.now(),
      });
      const auth: XdsAuthOptions = { methods: ['mtls', 'none'] };
      await using rig = await startRig({ xdsTransport, auth, decide, clientCa: meshCa });
      const identities: (string | undefined)[] = [];
      for (const identity of [proxyA, makeLeaf(strangerCa, { spiffeId: proxyId }), undefined]) {
        using client = rig.connect(identity);
        using stream = client.delta(ads.delta);
        stream.send(deltaOf('n', 'mesh-b'));
        await stream.next();
        identities.push([...rig.streams].at(-1)?.identity);
      }
      assert.deepEqual(identities, [proxyId, undefined, undefined]);
    });

    test('no client CA: no CA that the system trusts verifies a certificate', async () => {
      const usual = getCACertificates('default');
      // Stands for a public CA.
      setDefaultCACertificates([...usual, strangerCa.certPem]);
      using _ = { [Symbol.dispose]: () => setDefaultCACertificates(usual) };
      const verified: (boolean | undefined)[] = [];
      const decide: DecideAccess = ({ certificate }) => {
        verified.push(certificate?.isVerified);
        return { kind: 'allowed', identity: undefined };
      };
      await using rig = await startRig({ xdsTransport, auth: trusting, decide });
      using client = rig.connect(makeLeaf(strangerCa, { spiffeId: proxyId }));
      using stream = client.delta(ads.delta);
      stream.send(deltaOf('n', 'mesh-a'));
      await stream.next();
      assert.deepEqual(verified, [false]);
      assert.equal([...rig.streams][0]?.origin, '127.0.0.1');
    });

    test('decision that takes time: requests wait for it, and none has an effect before', async () => {
      const decided = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      let asks = 0;
      const decide: DecideAccess = async () => {
        asks += 1;
        asked.resolve();
        await decided.promise;
        return { kind: 'allowed', identity: 'late' };
      };
      await using rig = await startRig({ xdsTransport, auth: { methods: ['token'] }, decide });
      using client = rig.connect();
      using stream = client.sotw(ads.sotw);
      stream.send(sotwOf('gateway.edge', 'mesh-a'));
      for (const type of ['a', 'b', 'c']) stream.send({ type_url: `type.googleapis.com/${type}` });
      await asked.promise;
      assert.deepEqual(rig.events, []);
      decided.resolve();
      for (let responses = 0; responses < 4; responses += 1) await stream.next();
      assert.equal(asks, 1);
      assert.equal(rig.events.length, 4);
    });

    test('decision that fails: ends the stream with INTERNAL, and later streams are not affected', async () => {
      let fails = true;
      const decide: DecideAccess = () =>
        fails ? Promise.reject(new Error('broken')) : { kind: 'allowed', identity: undefined };
      await using rig = await startRig({ xdsTransport, auth: { methods: ['token'] }, decide });
      using client = rig.connect();
      using first = client.delta(ads.delta);
      first.send(deltaOf('n', 'mesh-a'));
      assert.equal((await first.ended).code, status.INTERNAL);
      fails = false;
      using second = client.delta(ads.delta);
      second.send(deltaOf('n', 'mesh-a'));
      await second.next();
    });
  });
}
