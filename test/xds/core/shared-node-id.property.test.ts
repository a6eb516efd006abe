import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import type { DeltaRequest, Protocol, SotwRequest, XdsNode } from '../../../src/xds/core/request.ts';
import { defaultStreamLimits } from '../../../src/xds/core/check-request.ts';
import { createDeltaSession, createSotwSession } from '../../../src/xds/core/session.ts';
import type { Session, SessionContext } from '../../../src/xds/core/session.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import type { Outgoing } from '../../../src/xds/core/type-state.ts';
import { typeUrls } from '../../../src/xds/core/type-urls.ts';
import { setOf } from '../vocabulary.ts';

const clients = 4;
const allNames = ['a', 'b'] as const;
const allVersions = ['1', '2', '3'] as const;
const node: XdsNode = { id: 'web-1', cluster: '', metadata: {}, userAgentName: '', userAgentVersion: '' };

/** One step of all clients together. */
type Step =
  | { readonly kind: 'set'; readonly contents: Readonly<Record<string, string>> }
  /** The client sends an ACK or NACK for its oldest response. */
  | { readonly kind: 'answer'; readonly client: number; readonly refuses: boolean }
  /** The client opens a new stream and quotes its versions. */
  | { readonly kind: 'reconnect'; readonly client: number };

/** A client that keeps the resources that it accepted, as Envoy does. */
interface FakeClient {
  answer(refuses: boolean): boolean;
  reconnect(): void;
  pull(): void;
  changed: Session<never>['changed'];
  readonly holds: ReadonlyMap<string, string>;
  /** The versions (`name@version`) that it rejected on its current stream. */
  readonly refused: ReadonlySet<string>;
}

function createFakeClient(context: SessionContext, protocol: Protocol, typeUrl: string): FakeClient {
  const holds = new Map<string, string>();
  const refused = new Set<string>();
  let unanswered: Outgoing[] = [];
  let version = '';
  let delta: Session<DeltaRequest> | undefined;
  let sotw: Session<SotwRequest> | undefined;

  function send(nonce: string, refuses: boolean, isFirst = false): void {
    const common = { node, typeUrl, nonce, error: refuses ? { code: 13, message: 'no' } : undefined };
    const subscribe = isFirst ? allNames : [];
    const initialVersions = isFirst ? holds : new Map<string, string>();
    delta?.request({ ...common, kind: 'delta', subscribe, unsubscribe: [], initialVersions }, 0);
    sotw?.request({ ...common, kind: 'sotw', version, names: allNames }, 0);
  }

  function pull(): void {
    const session = delta ?? sotw;
    for (let next = session?.take(0); next !== undefined; next = session?.take(0)) unanswered.push(next);
  }

  function reconnect(): void {
    unanswered = [];
    refused.clear();
    if (protocol === 'delta')
      delta = createDeltaSession(context, { observe: () => undefined }, { origin: '10.0.0.1' });
    else sotw = createSotwSession(context, { observe: () => undefined }, { origin: '10.0.0.1' });
    send('', false, true);
    pull();
  }

  reconnect();
  return {
    holds,
    refused,
    pull,
    reconnect,
    changed: (change) => (delta ?? sotw)?.changed(change),
    answer(refuses) {
      const response = unanswered.shift();
      if (response === undefined) return false;
      for (const resource of response.resources) {
        if (refuses) refused.add(`${resource.name}@${resource.version}`);
        else holds.set(resource.name, resource.version);
      }
      if (!refuses) version = response.version;
      send(response.nonce, refuses);
      pull();
      return true;
    },
  };
}

const client = fc.nat({ max: clients - 1 });
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('set' as const),
        contents: fc.record({ a: fc.constantFrom(...allVersions), b: fc.constantFrom(...allVersions) }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('answer' as const), client, refuses: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('reconnect' as const), client }) },
  ),
  { minLength: 1, maxLength: 60, size: 'max' },
);

suite('streams that share a node id', () => {
  for (const [type, typeUrl] of [
    ['one resource per response', typeUrls.secret],
    ['several resources per response', typeUrls.routeConfiguration],
    ['full state', typeUrls.cluster],
  ] as const) {
    test(`${type}: a stream that never rejected the current version ends with it`, () => {
      let refusals = 0;
      fc.assert(
        fc.property(steps, (walk) => {
          const store = createSnapshotStore();
          const context: SessionContext = {
            view: store,
            frames: createFrames('shared', ''),
            memory: createRefusalMemory({ entries: 1_000, ttlMs: Infinity }),
            limits: defaultStreamLimits,
            groupOf: () => '',
            optionsOf: () => ({}),
          };
          let served: Readonly<Record<string, string>> = { a: '1', b: '1' };
          store.set('', typeUrl, setOf(served));
          const all = Array.from({ length: clients }, (_, index) =>
            createFakeClient(context, index % 2 === 0 ? 'delta' : 'sotw', typeUrl),
          );
          store.subscribe((change) => {
            for (const one of all) {
              one.changed(change);
              one.pull();
            }
          });
          for (const step of walk) {
            if (step.kind === 'set') store.set('', typeUrl, setOf((served = step.contents)));
            else if (step.kind === 'reconnect') all[step.client]?.reconnect();
            // The first two clients never reject a version; the others may reject any.
            else all[step.client]?.answer(step.refuses && step.client >= 2);
          }
          for (const [index, one] of all.entries()) {
            let answers = 0;
            while (one.answer(false))
              assert.ok((answers += 1) < 100, 'the client still gets responses after 100 ACKs');
            for (const name of allNames) {
              const version = served[name];
              refusals += one.refused.size;
              if (one.refused.has(`${name}@${version}`)) continue;
              assert.equal(
                one.holds.get(name),
                version,
                `client ${index} does not have ${name}@${version} at the end`,
              );
            }
          }
        }),
        { numRuns: 1_000 },
      );
      assert.ok(refusals > 500, `the runs contain only ${refusals} NACKs`);
    });
  }
});
