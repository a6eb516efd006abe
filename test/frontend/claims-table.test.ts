import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { certificateJudge } from '../../src/access/certificate-judge.ts';
import { decideAccess } from '../../src/access/decide-access.ts';
import { parseRules } from '../../src/access/parse-rules.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import { xdsTransports } from '../kit/xds-transports.ts';
import type { ClientStream, XdsClient } from '../xds/client.ts';
import { ads, sds } from '../xds/loopback/serving.ts';
import { startRig } from './access-rig.ts';
import type { Rig } from './access-rig.ts';

const proxiesCa = makeCa({ commonName: 'CA of proxies' });
const proxyOf = (mesh: string) => makeLeaf(proxiesCa, { spiffeId: `spiffe://${mesh}.test/proxy/gateway` });
const parsed = parseRules(`
- from: { spiffeId: 'spiffe://{mesh}.test/proxy/{name}' }
  mesh: '{mesh}'
  node: '{name}'
`);

const decide = decideAccess({
  judge: certificateJudge(undefined, {
    view: () => ({ readiness: { kind: 'ready' }, meshes: new Map() }),
    now: () => Date.now(),
  }),
  tokens: undefined,
  rules: () => (parsed.kind === 'rules' ? parsed.rules : []),
  allowsAnonymous: false,
  now: () => Date.now(),
});

/** What the proxy `gateway` of mesh A claims in its node. */
const claims = {
  'another mesh': { id: 'gateway', mesh: 'mesh-b', reason: 'mesh' },
  'another node': { id: 'other', mesh: 'mesh-a', reason: 'node' },
  'another mesh and node': { id: 'other', mesh: 'mesh-b', reason: 'mesh' },
  'no node id': { id: '', mesh: 'mesh-a', reason: 'node' },
} as const;

/** What a request does. An ACK or NACK is of the version that the proxy of mesh B received. */
const verbs = ['subscribes', 'acknowledges', 'rejects'] as const;
type Verb = (typeof verbs)[number];

const streams = {
  'delta ADS': ads.delta,
  'SotW ADS': ads.sotw,
  'delta SDS': sds.delta,
  'SotW SDS': sds.sotw,
} as const;
type Path = (typeof streams)[keyof typeof streams];

const isDelta = (path: Path): boolean => path === ads.delta || path === sds.delta;
const open = (client: XdsClient, path: Path): ClientStream<unknown> =>
  isDelta(path) ? client.delta(path) : client.sotw(path);

interface Said {
  readonly nonce: string;
  readonly version: string;
}

function requestOf(verb: Verb, delta: boolean, id: string, mesh: string, { nonce, version }: Said): object {
  const names = delta
    ? { resource_names_subscribe: verb === 'subscribes' ? ['ALL'] : [] }
    : { resource_names: ['ALL'] };
  return {
    node: { id, metadata: { fields: { mesh: { stringValue: mesh, kind: 'stringValue' } } } },
    type_url: secretTypeUrl,
    ...names,
    ...(verb === 'subscribes' ? {} : { response_nonce: nonce }),
    ...(verb === 'subscribes' || delta ? {} : { version_info: version }),
    ...(verb === 'rejects' ? { error_detail: { code: 3, message: 'no' } } : {}),
  };
}

/** Subscribes as the proxy of mesh B, and returns what it received and has not acknowledged. */
async function pendingOf(client: XdsClient): Promise<Said> {
  const stream = client.delta(ads.delta);
  stream.send(requestOf('subscribes', true, 'gateway', 'mesh-b', { nonce: '', version: '' }));
  const { nonce, resources } = await stream.next();
  return { nonce, version: resources[0]?.version ?? assert.fail('no version') };
}

/**
 * Ends the last stream, or settles the call, of a claim: with PERMISSION_DENIED, one line for the log, and no effect.
 */
async function assertDenied(rig: Rig, act: () => Promise<number>, reason: string): Promise<void> {
  const [events, denied] = [rig.events.length, rig.denied.length];
  assert.equal(await act(), status.PERMISSION_DENIED);
  assert.deepEqual(rig.events.slice(events), [], 'no request, ACK or NACK of it has an effect');
  assert.deepEqual(
    rig.denied.slice(denied).map((one) => [one.reason, one.identity]),
    [[reason, 'spiffe://mesh-a.test/proxy/gateway']],
  );
}

for (const xdsTransport of xdsTransports)
  suite(`proxy of mesh A that claims to be another one, ${xdsTransport}`, () => {
    const start = () => startRig({ xdsTransport, auth: { methods: ['mtls'] }, decide, clientCa: proxiesCa });

    for (const [what, path] of Object.entries(streams))
      for (const verb of verbs) {
        test(`${what}, first request ${verb}: is refused for each claim`, async () => {
          await using rig = await start();
          using b = rig.connect(proxyOf('mesh-b'));
          const said = await pendingOf(b);
          using a = rig.connect(proxyOf('mesh-a'));
          for (const { id, mesh, reason } of Object.values(claims))
            await assertDenied(
              rig,
              async () => {
                using stream = open(a, path);
                stream.send(requestOf(verb, isDelta(path), id, mesh, said));
                return (await stream.ended).code;
              },
              reason,
            );
          assert.equal(rig.streams.size, 1, 'the stream of mesh B stays');
        });

        test(`${what}, later request ${verb}: counts for mesh A and its node, or ends the stream`, async () => {
          await using rig = await start();
          using b = rig.connect(proxyOf('mesh-b'));
          const said = await pendingOf(b);
          using a = rig.connect(proxyOf('mesh-a'));
          for (const { id, mesh } of Object.values(claims)) {
            using stream = open(a, path);
            stream.send(requestOf('subscribes', isDelta(path), 'gateway', 'mesh-a', said));
            await stream.next();
            const events = rig.events.length;
            stream.send(requestOf(verb, isDelta(path), id, mesh, said));
            if (id === 'other') {
              const { code, details } = await stream.ended;
              assert.deepEqual([code, rig.events.length], [status.PERMISSION_DENIED, events], details);
              continue;
            }
            stream.halfClose();
            assert.equal((await stream.ended).code, status.OK, 'the server has read all requests');
            assert.ok(rig.events.length > events);
            for (const event of rig.events.slice(events)) assert.match(event, /^\w+ gateway mesh-a$/);
          }
        });
      }

    for (const verb of verbs)
      test(`Fetch SDS that ${verb}: is refused for each claim`, async () => {
        await using rig = await start();
        using b = rig.connect(proxyOf('mesh-b'));
        const said = await pendingOf(b);
        using a = rig.connect(proxyOf('mesh-a'));
        for (const { id, mesh, reason } of Object.values(claims))
          await assertDenied(
            rig,
            () =>
              a.fetch(sds.fetch, requestOf(verb, false, id, mesh, said)).then(
                () => status.OK,
                (error: unknown) => (error as { readonly code: number }).code,
              ),
            reason,
          );
        const own = await a.fetch(sds.fetch, requestOf(verb, false, 'gateway', 'mesh-a', said));
        assert.ok(own.resources.length <= 1);
      });
  });
