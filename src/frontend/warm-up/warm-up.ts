import { setImmediate as nextTurn } from 'node:timers/promises';
import { createFleetTracker } from '../../fleet/track-fleet.ts';
import type { GrpcServer } from '../../transport/grpc-server.ts';
import {
  combineObservers,
  createResource,
  createResourceSet,
  createSnapshotStore,
  typeUrls,
} from '../../xds/index.ts';
import type { SnapshotStore, XdsObserver, XdsServer } from '../../xds/index.ts';
import { ScriptedProxy } from './scripted-proxy.ts';
import type { Answer } from './scripted-proxy.ts';

export interface WarmUpOptions {
  /** A server without a listener, which is used for nothing else. It is shut down at the end. */
  readonly server: GrpcServer;
  /** Adds the discovery services to that server. */
  readonly addServices: (server: GrpcServer, store: SnapshotStore, observer: XdsObserver) => XdsServer;
  /** Returns true once the real server has work, which ends the warm-up. */
  readonly isBusy: () => boolean;
  /** The group of a client that names none. */
  readonly group: string;
}

/** What a warm-up did. */
interface WarmUpResult {
  readonly connections: number;
  readonly acks: number;
}

const typeUrl = typeUrls.secret;
const name = 'spiffe://warm-up.test';
/** 300 connections with 13 responses each: the measurements are in docs/adr/0030-own-transport.md. */
const rounds = 30;
const connectionsInRound = 10;
const changesInRound = 12;
/** Every fourth round has clients of the state-of-the-world protocol. */
const sotwEvery = 4;
/** Size of a secret with one certificate, in bytes. */
const secretBytes = 2048;
/** The most turns of the event loop in which a change reaches all connections. */
const mostTurns = 10;

/**
 * Makes V8 compile the code of connections and pushes before the first proxy needs it: proxies in memory connect,
 * subscribe, get changes and acknowledge them. Takes turns with all other work, and ends early if the server has any.
 */
export async function warmUp(options: WarmUpOptions): Promise<WarmUpResult> {
  const { server, addServices, isBusy, group } = options;
  const store = createSnapshotStore();
  let [connections, acks, sent, change] = [0, 0, 0, 0];
  let last: Answer | undefined;
  const watcher: XdsObserver = {
    response(_stream, response) {
      sent += 1;
      last = response;
    },
    acked() {
      acks += 1;
    },
  };
  // The fleet of the warm-up: the real one must not know of these proxies.
  const fleet = createFleetTracker({ now: () => 0 }).observer;
  let xds: XdsServer | undefined;

  function publish(): void {
    change += 1;
    store.set(group, typeUrl, createResourceSet([createResource(name, Buffer.alloc(secretBytes, change))]));
  }

  /** Waits until all proxies have a response, and acknowledges it. */
  async function settle(proxies: readonly ScriptedProxy[]): Promise<void> {
    for (let turn = 0; turn < mostTurns && sent < proxies.length; turn += 1) await nextTurn();
    sent = 0;
    if (last !== undefined) for (const proxy of proxies) proxy.acknowledge(last);
    await nextTurn();
  }

  try {
    xds = addServices(server, store, combineObservers([fleet, watcher]));
    publish();
    for (let round = 1; round <= rounds && !isBusy(); round += 1) {
      const protocol = round % sotwEvery === 0 ? 'sotw' : 'delta';
      const proxies = Array.from(
        { length: connectionsInRound },
        () => new ScriptedProxy(protocol, { typeUrl, name }),
      );
      for (const proxy of proxies) {
        connections += 1;
        server.attach(proxy.asSocket());
        proxy.subscribe(`warm-up-${connections}`);
      }
      await settle(proxies);
      for (let pushed = 0; pushed < changesInRound && !isBusy(); pushed += 1) {
        publish();
        await settle(proxies);
      }
      for (const proxy of proxies) proxy.leave();
      await nextTurn();
    }
  } finally {
    await xds?.drain(0);
    server.forceShutdown();
  }
  return { connections, acks };
}
