import { Registry } from 'prom-client';
import { localLook } from '../../fleet/fleet.ts';
import { countAcks } from '../../fleet/rollout.ts';
import { createServedHistory } from '../../fleet/served-history.ts';
import { createFleetTracker } from '../../fleet/track-fleet.ts';
import { createConvergence } from '../../observe/metrics/convergence.ts';
import { createXdsMetrics } from '../../observe/metrics/xds-metrics.ts';
import { encodeSecret, secretContent } from '../../trust/secret/encode-secret.ts';
import { createPublisher } from '../../trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { combineObservers, createSnapshotStore, typeUrls } from '../../xds/index.ts';
import type { SnapshotStore, XdsObserver } from '../../xds/index.ts';
import type { Answer, Subscription } from './scripted-proxy.ts';

/** What a warm-up serves and who observes it: the parts of the real server, none of which is shared with it. */
export interface Rehearsal {
  readonly store: SnapshotStore;
  readonly observer: XdsObserver;
  /** The secret that changes. */
  readonly subscription: Subscription;
  /** Serves another version of the secret. */
  publish(): void;
  /** Number of responses since the last `takeAnswer`. */
  unacknowledged(): number;
  /** Returns what the ACK of the last response repeats; `undefined` before the first response. */
  takeAnswer(): Answer | undefined;
  /** Number of acknowledged responses. */
  acks(): number;
  /** Number of streams that ended with OK. */
  ended(): number;
  /** Counts the proxies that have the served version, as the roll-out of a change does. */
  look(): void;
}

const name = 'spiffe://warm-up.test';
/** Size of a secret with one certificate, in bytes. */
const secretBytes = 2048;

/** Creates the store and the observers of a warm-up. Its fleet is not the real one, which must not know these proxies. */
export function createRehearsal(mesh: string): Rehearsal {
  const store = createSnapshotStore();
  const publish = createPublisher(store);
  const history = createServedHistory();
  const tracker = createFleetTracker({ now: () => 0, history });
  const convergence = createConvergence();
  const metrics = createXdsMetrics({
    registry: new Registry(),
    convergence,
    isListed: () => true,
    now: () => 0,
  });
  let [changes, responses, acks, ended] = [0, 0, 0, 0];
  let answer: Answer | undefined;
  const watcher: XdsObserver = {
    response(_stream, response) {
      responses += 1;
      answer = response;
    },
    acked() {
      acks += 1;
    },
    streamClosed(_stream, { code }) {
      if (code === 'OK') ended += 1;
    },
  };

  function statesOf(change: number): ServedMeshes {
    const part = { bytes: Buffer.alloc(secretBytes, change), hash: Buffer.from([change]) };
    const secret = encodeSecret(name, secretContent([part]));
    const { version } = secret;
    return new Map([[mesh, { secrets: { version, secrets: new Map([[name, secret]]) } }]]);
  }

  return {
    store,
    observer: combineObservers([tracker.observer, metrics, watcher]),
    subscription: { typeUrl: typeUrls.secret, name },
    publish() {
      changes += 1;
      const states = statesOf(changes);
      history.published(states, 0, 0);
      convergence.served(states, 0, 0);
      publish(states);
    },
    unacknowledged: () => responses,
    takeAnswer() {
      responses = 0;
      return answer;
    },
    acks: () => acks,
    ended: () => ended,
    look: () => void countAcks(localLook(tracker), history, 0),
  };
}
