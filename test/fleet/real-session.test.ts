import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assess } from '../../src/fleet/assess.ts';
import type { ServedMeshes } from '../../src/trust/snapshot/publisher.ts';
import { createPublisher, secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import { createSnapshotStore } from '../../src/xds/index.ts';
import { defaultStreamLimits } from '../../src/xds/core/check-request.ts';
import { createFrames } from '../../src/xds/core/frames.ts';
import type { Frame } from '../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../src/xds/core/refusal-memory.ts';
import { createDeltaSession } from '../../src/xds/core/session.ts';
import { reportTo, combineObservers } from '../../src/xds/server/observer.ts';
import { scene, streamOf } from './scene.ts';

const [merged, one] = ['ALL', 'spiffe://a.test'];

/** A proxy on a delta stream of the real protocol, whose events the tracker gets. */
function proxyScene() {
  const { tracker, history, publish, now } = scene();
  const store = createSnapshotStore();
  const toStore = createPublisher(store);
  const info = streamOf(1, 'a');
  const observer = combineObservers([tracker.observer]);
  const session = createDeltaSession(
    {
      view: store,
      frames: createFrames('test', ''),
      memory: createRefusalMemory({ entries: 10, ttlMs: 60_000 }),
      limits: defaultStreamLimits,
      groupOf: () => 'default',
      optionsOf: () => ({}),
    },
    { observe: (event) => reportTo(observer, info, event) },
  );
  store.subscribe((change) => session.changed(change));
  const node = { id: 'a', cluster: '', metadata: {}, userAgentName: '', userAgentVersion: '' };

  return {
    /** Serves secrets of the given versions. */
    serve: (versions: Readonly<Record<string, string>>): void => {
      const secrets = new Map(
        Object.entries(versions).map(([name, version]) => [
          name,
          { name, version, body: Buffer.from(version) },
        ]),
      );
      const version = Object.values(versions).join('+');
      const states = new Map([['default', { secrets: { version, secrets } }]]) as unknown as ServedMeshes;
      publish(states);
      toStore(states);
    },
    requests: (parts: {
      subscribe?: string[];
      unsubscribe?: string[];
      answers?: Frame | undefined;
      error?: boolean;
    }): void => {
      const { subscribe = [], unsubscribe = [], answers, error = false } = parts;
      const refused = session.request(
        {
          kind: 'delta',
          node,
          typeUrl: secretTypeUrl,
          subscribe,
          unsubscribe,
          initialVersions: new Map(),
          nonce: answers?.nonce ?? '',
          error: error ? { code: 13, message: 'no' } : undefined,
        },
        now(),
      );
      assert.equal(refused, undefined);
    },
    /** Returns the responses that the server sends now. */
    responses: (): Frame[] => {
      const frames: Frame[] = [];
      for (let frame = session.take(now()); frame !== undefined; frame = session.take(now())) {
        observer.response(info, frame);
        frames.push(frame);
      }
      return frames;
    },
    state: (): string | undefined => {
      const [proxy] = tracker.connected();
      return proxy && assess(proxy, history, now()).state;
    },
  };
}

suite('state of a proxy on a stream', () => {
  test('unsubscribes from a secret whose change is on its way: later changes of it are not waited for', () => {
    const { serve, requests, responses, state } = proxyScene();
    serve({ [merged]: 'v1', [one]: 'a1' });
    requests({ subscribe: [merged, one] });
    for (const answers of responses()) requests({ answers });
    assert.equal(state(), 'synced');
    serve({ [merged]: 'v1', [one]: 'a2' });
    const [change] = responses();
    requests({ unsubscribe: [one] });
    requests({ answers: change });
    serve({ [merged]: 'v1', [one]: 'a3' });
    assert.deepEqual(responses(), []);
    assert.equal(state(), 'synced');
  });

  test('rejects its first version and subscribes again: stays refused after the removal', () => {
    const { serve, requests, responses, state } = proxyScene();
    serve({ [one]: 'a1' });
    requests({ subscribe: [one] });
    for (const answers of responses()) requests({ answers, error: true });
    assert.equal(state(), 'refused');
    requests({ subscribe: [one] });
    const [removal] = responses();
    assert.deepEqual(removal?.removed, [one]);
    requests({ answers: removal });
    assert.equal(state(), 'refused');
    serve({ [one]: 'a2' });
    for (const answers of responses()) requests({ answers });
    assert.equal(state(), 'synced');
  });

  test('a change is taken back before it is acknowledged: pending until the proxy has what is served', () => {
    const { serve, requests, responses, state } = proxyScene();
    serve({ [one]: 'a1' });
    requests({ subscribe: [one] });
    for (const answers of responses()) requests({ answers });
    serve({ [one]: 'a2' });
    const [change] = responses();
    serve({ [one]: 'a1' });
    assert.equal(state(), 'pending');
    requests({ answers: change });
    for (const answers of responses()) {
      assert.equal(state(), 'pending');
      requests({ answers });
    }
    assert.equal(state(), 'synced');
  });

  test('unsubscribes before there is anything to send: no response is waited for, until it subscribes again', () => {
    const { serve, requests, responses, state } = proxyScene();
    requests({ subscribe: [one] });
    assert.equal(state(), 'pending');
    requests({ unsubscribe: [one] });
    serve({ [one]: 'a1' });
    assert.deepEqual(responses(), []);
    assert.equal(state(), 'synced');
    requests({ subscribe: [one] });
    assert.equal(state(), 'pending');
    for (const answers of responses()) requests({ answers });
    assert.equal(state(), 'synced');
  });

  test('a name that does not exist: is not waited for', () => {
    const { serve, requests, responses, state } = proxyScene();
    serve({ [one]: 'a1' });
    requests({ subscribe: [one, 'no secret'] });
    for (const answers of responses()) requests({ answers });
    assert.equal(state(), 'synced');
  });
});
