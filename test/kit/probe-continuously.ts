import { tryClient } from './tls-client.ts';
import type { ClientIdentity } from './tls-client.ts';

/** A client that must be accepted at every moment. */
export interface Target {
  readonly name: string;
  readonly port: number;
  /** A function is called for each handshake. */
  readonly identity: ClientIdentity | (() => ClientIdentity);
}

/** The result of a continuous probe. */
export interface ProbeReport {
  /** Total number of handshakes. */
  readonly probes: number;
  /** `name: reason` of each rejected handshake. */
  readonly refusals: readonly string[];
}

/** A running probe. Disposing of it ends it and ignores its result. */
export interface ContinuousProbe extends AsyncDisposable {
  /** Waits until every target has been tried once more, from beginning to end. */
  readonly round: () => Promise<void>;
  /** Ends it after one more round. */
  readonly stop: () => Promise<ProbeReport>;
}

/**
 * Connects to all targets concurrently, and to each of them repeatedly without a pause, until it is stopped.
 */
export function probeContinuously(targets: readonly Target[]): ContinuousProbe {
  const refusals: string[] = [];
  let probes = 0;
  const stopped = new AbortController();
  const loops = targets.map(({ name, port, identity }) => {
    const attempt = async () => {
      const decision = await tryClient(port, typeof identity === 'function' ? identity() : identity);
      probes++;
      if (decision !== 'accepted') refusals.push(`${name}: ${decision.refused}`);
    };
    let current = attempt();
    const loop = async () => {
      while (!stopped.signal.aborted) {
        await current;
        current = attempt();
      }
      await current;
    };
    const running = loop();
    // A failure is reported when a round or the report is awaited, and not as an unhandled rejection before.
    running.catch(() => undefined);
    return {
      running,
      // The current attempt began earlier; only the next one is complete.
      round: async () => {
        await current;
        await current;
      },
    };
  });
  const round = async () => {
    await Promise.all(loops.map((loop) => loop.round()));
  };
  return {
    round,
    stop: async () => {
      await round();
      stopped.abort();
      await Promise.all(loops.map(({ running }) => running));
      return { probes, refusals };
    },
    [Symbol.asyncDispose]: async () => {
      stopped.abort();
      await Promise.allSettled(loops.map(({ running }) => running));
    },
  };
}
