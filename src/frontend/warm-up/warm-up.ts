import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GrpcServer } from '../../transport/grpc-server.ts';
import type { SnapshotStore, XdsObserver, XdsServer } from '../../xds/index.ts';
import { encodedChanges } from './encoded-changes.ts';
import { createRehearsal } from './rehearsal.ts';
import type { RehearseChanges, Rehearsal } from './rehearsal.ts';
import { ScriptedProxy } from './scripted-proxy.ts';
import { serveProbe } from './serve-probe.ts';
import { setTurboFanThreshold } from './turbofan-threshold.ts';
import { wiresInMemory, wiresOverLoopback } from './wires.ts';
import type { Wire } from './wires.ts';

export interface WarmUpOptions {
  /** Creates a server without a listener, which is used for nothing else and shut down at the end. */
  readonly createServer: () => GrpcServer;
  /** Adds the discovery services to such a server. */
  readonly addServices: (server: GrpcServer, store: SnapshotStore, observer: XdsObserver) => XdsServer;
  /** Returns true once the real server has work, which ends the warm-up. */
  readonly isBusy: () => boolean;
  /** The group of a client that names none. */
  readonly group: string;
  /** Where the changes come from. Default: encoded secrets, as a worker gets them. */
  readonly rehearseChanges?: RehearseChanges | undefined;
}

/** What a warm-up did. */
export interface WarmUpResult {
  readonly connections: number;
  readonly acks: number;
  /** Number of streams that ended after one response. */
  readonly ended: number;
}

/** The keepalive times of a server for a warm-up, which probes most of its connections before they are closed. */
export const warmUpKeepAlive = { intervalMs: 40, timeoutMs: 60_000 };

/**
 * The number of parts of a warm-up. Each has a server of its own: code that V8 compiles while it has seen only one of
 * the objects is discarded when it meets another. The measurements for this and the other numbers are in
 * docs/adr/0030-own-transport.md.
 */
const parts = 3;
const roundsInPart = 15;
const connectionsInRound = 40;
const changesInRound = 15;
/** Every third round has sockets. The others are in memory, which costs less CPU, but does not use `node:net`. */
const socketsEvery = 3;
/** Number of streams that each client opens and ends at the end of its round. */
const streamsAtEnd = 2;
/** Every fourth round has clients of the state-of-the-world protocol. */
const sotwEvery = 4;
/** The most turns of the event loop that clients and server wait for each other. */
const mostTurns = 200;

/**
 * Makes V8 compile the code of connections and pushes before the first proxy needs it: proxies connect, subscribe, get
 * changes and acknowledge them. Takes turns with all other work, and ends early if the server has any.
 * @throws {Error} if there is no port of the loopback interface, or the services cannot be added.
 */
export async function warmUp(options: WarmUpOptions): Promise<WarmUpResult> {
  let [connections, acks, ended] = [0, 0, 0];
  let reachesEnd = false;
  setTurboFanThreshold('soon');
  try {
    for (let part = 1; part <= parts; part += 1) {
      if (options.isBusy()) break;
      // By now, V8 has optimized what each push runs. The rest is not worth it, except on a server under steady load:
      // V8 would be busy with it during the first thousands of connections, pushes and calls.
      if (part === parts) {
        reachesEnd = true;
        setTurboFanThreshold('late');
      }
      const done = await warmUpPart(options);
      connections += done.connections;
      acks += done.acks;
      ended += done.ended;
    }
  } finally {
    if (!reachesEnd) setTurboFanThreshold('usual');
  }
  return { connections, acks, ended };
}

async function warmUpPart({
  createServer,
  addServices,
  isBusy,
  group,
  rehearseChanges = encodedChanges,
}: WarmUpOptions): Promise<WarmUpResult> {
  const server = createServer();
  const rehearsal = createRehearsal(group, rehearseChanges);
  let connections = 0;
  let xds: XdsServer | undefined;
  try {
    using inMemory = wiresInMemory((socket) => server.attach(socket));
    using overLoopback = await wiresOverLoopback((socket) => server.attach(socket));
    xds = addServices(server, rehearsal.store, rehearsal.observer);
    // Without it, a later probe costs some compiled code.
    await serveProbe().catch(() => undefined);
    rehearsal.publish();
    for (let round = 1; round <= roundsInPart && !isBusy(); round += 1) {
      const proxy = new ScriptedProxy(round % sotwEvery === 0 ? 'sotw' : 'delta', rehearsal.subscription);
      const wires = round % socketsEvery === 0 ? overLoopback : inMemory;
      const open: Wire[] = [];
      while (open.length < connectionsInRound) {
        const wire = await wires.connect();
        open.push(wire);
        connections += 1;
        wire.send(proxy.subscribe(`warm-up-${connections}`));
      }
      await settle(rehearsal, proxy, open);
      for (let change = 0; change < changesInRound && !isBusy(); change += 1) {
        rehearsal.publish();
        await settle(rehearsal, proxy, open);
        // Only once, since each PING creates objects. One that the server has not sent yet stays unanswered.
        if (round === 1 && change === 0) for (const wire of open) wire.send(proxy.acknowledgePing());
      }
      await openAndEnd(rehearsal, proxy, open);
      for (const wire of open) wire.close();
      // Otherwise clients of this round would get changes of the next one, which may have the other protocol.
      await turnsUntil(() => server.connections === 0);
    }
  } finally {
    await xds?.drain(0);
    server.forceShutdown();
  }
  return { connections, acks: rehearsal.acks(), ended: rehearsal.ended() };
}

/** Waits until all clients have a response, acknowledges it, and waits until the server has read that. */
async function settle(rehearsal: Rehearsal, proxy: ScriptedProxy, open: readonly Wire[]): Promise<void> {
  await turnsUntil(() => rehearsal.unacknowledged() >= open.length);
  const expected = rehearsal.acks() + open.length;
  const answer = rehearsal.takeAnswer();
  if (answer !== undefined) for (const wire of open) wire.send(proxy.acknowledge(answer));
  await turnsUntil(() => rehearsal.acks() >= expected);
  rehearsal.look();
}

/** Opens streams that end after their first response, as clients of single calls do. */
async function openAndEnd(rehearsal: Rehearsal, proxy: ScriptedProxy, open: readonly Wire[]): Promise<void> {
  const expected = rehearsal.ended() + open.length * streamsAtEnd;
  for (const wire of open) wire.send(proxy.subscribeAndEnd('warm-up', streamsAtEnd));
  await turnsUntil(() => rehearsal.ended() >= expected);
  rehearsal.takeAnswer();
}

async function turnsUntil(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < mostTurns && !holds(); turn += 1) await nextTurn();
}
