import { tryClient } from './tls-client.ts';
import type { ClientIdentity } from './tls-client.ts';

/** A client that must be let in at every moment. */
export interface Target {
  readonly name: string;
  readonly port: number;
  readonly identity: ClientIdentity;
}

/** What a continuous probe saw. */
export interface ProbeReport {
  /** Handshakes in all. */
  readonly probes: number;
  /** `name: reason` of each that was not let in. */
  readonly refusals: readonly string[];
}

/**
 * Connects to one target after the other, round after round without a pause, until it is stopped; the
 * round that is under way is ended first, so a stopped probe has seen every target at least once.
 */
export function probeContinuously(targets: readonly Target[]): { readonly stop: () => Promise<ProbeReport> } {
  const stopped = new AbortController();
  const report = probe(targets, stopped.signal);
  // A failure is told when the report is asked for, not as an unhandled rejection before that.
  report.catch(() => undefined);
  return {
    stop: () => {
      stopped.abort();
      return report;
    },
  };
}

async function probe(targets: readonly Target[], stopped: AbortSignal): Promise<ProbeReport> {
  const refusals: string[] = [];
  let probes = 0;
  do {
    for (const { name, port, identity } of targets) {
      const decision = await tryClient(port, identity);
      probes++;
      if (decision !== 'accepted') refusals.push(`${name}: ${decision.refused}`);
    }
  } while (!stopped.aborted);
  return { probes, refusals };
}
