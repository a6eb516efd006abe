import { Writable } from 'node:stream';
import { Counter, Registry } from 'prom-client';
import { createAckCounter } from '../../fleet/count-acks.ts';
import { localFleet, localLook } from '../../fleet/fleet.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { countAcks } from '../../fleet/rollout.ts';
import { createServedHistory } from '../../fleet/served-history.ts';
import { createFleetTracker } from '../../fleet/track-fleet.ts';
import { createEventLog } from '../../observe/log/log-events.ts';
import type { EventLog } from '../../observe/log/log-events.ts';
import { createLogger } from '../../observe/log/log.ts';
import type { Logger } from '../../observe/log/log.ts';
import { createConvergence } from '../../observe/metrics/convergence.ts';
import { createXdsMetrics } from '../../observe/metrics/xds-metrics.ts';
import { systemClock } from '../../runtime/clock.ts';
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
  /** All clients have the change: assesses the roll-out, and counts the ACKs. */
  look(): void;
}

/** The parts that rehearsed changes use. */
export interface RehearsalStage {
  /** The group of all clients. */
  readonly mesh: string;
  readonly fleet: Fleet;
  /** Number of connected clients of a mesh. */
  readonly proxies: (mesh: string) => number;
  /** Writes nowhere, at level `info`. */
  readonly log: Logger;
  readonly eventLog: EventLog;
  /** Serves these states. `since`: when the first cause of the change arrived, in epoch milliseconds. */
  readonly publish: (states: ServedMeshes, since: number) => void;
}

/** Changes of one secret of the stage's mesh. */
export interface RehearsedChanges {
  readonly secretName: string;
  /** Publishes the next change. */
  next(): void;
  /** All clients have the change: does what the server does then. */
  settle(): void;
}

/** Creates changes, none of which is published yet. */
export type RehearseChanges = (stage: RehearsalStage) => RehearsedChanges;

/**
 * Creates the store and the observers of a warm-up. Its fleet is not the real one, which must not know these proxies.
 */
export function createRehearsal(mesh: string, rehearseChanges: RehearseChanges): Rehearsal {
  const store = createSnapshotStore();
  const publish = createPublisher(store);
  const history = createServedHistory();
  // The real clock: V8 compiles other code for 0 than for the times of real proxies.
  const now = systemClock.wall;
  const tracker = createFleetTracker({ now, history });
  const ackCounter = createAckCounter();
  const convergence = createConvergence();
  const registry = new Registry();
  const metrics = createXdsMetrics({ registry, convergence, now });
  const log = createLogger({ format: 'json', level: 'info', stream: nowhere() });
  const eventLog = createEventLog({ log, proxies: tracker.count, schedule: () => undefined });
  const changes = rehearseChanges({
    mesh,
    fleet: localFleet(tracker, history, ackCounter),
    proxies: tracker.count,
    log,
    eventLog,
    publish(states, since) {
      convergence.served(states, since, now());
      history.published(states, since, now());
      ackCounter.publishing();
      publish(states);
    },
  });
  changeCounterTwice(registry);

  let [responses, acks, ended] = [0, 0, 0];
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

  return {
    store,
    observer: combineObservers([tracker.observer, metrics, eventLog.observer, ackCounter.observer, watcher]),
    subscription: { typeUrl: typeUrls.secret, name: changes.secretName },
    publish: () => changes.next(),
    unacknowledged: () => responses,
    takeAnswer() {
      responses = 0;
      return answer;
    },
    acks: () => acks,
    ended: () => ended,
    look() {
      changes.settle();
      countAcks(localLook(tracker), history, now());
    },
  };
}

/**
 * Counts two events of one kind, as the first change of a real server does. The sums of prom-client, `{ value, labels
 * }`, have the same first field as the results of iterators, `{ value, done }`. V8 compiles loops on the assumption
 * that it never changes, and discards the code of all of them when a sum changes for the first time.
 */
function changeCounterTwice(registry: Registry): void {
  const name = 'meshtrust_rehearsed_changes_total';
  const counter = new Counter({ name, help: name, labelNames: ['source'], registers: [registry] });
  for (let event = 0; event < 2; event += 1) counter.inc({ source: 'warm-up' });
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
