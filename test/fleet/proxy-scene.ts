import assert from 'node:assert/strict';
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

/** A proxy on a delta stream of the real protocol, whose events the tracker gets. */
export function proxyScene() {
  const { tracker, history, publish, now, pass } = scene();
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
    pass,
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
