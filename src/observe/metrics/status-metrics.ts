import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** Counts the writes to the API server, and reports whether this replica is the leader. */
export interface StatusMetrics {
  readonly write: (kind: string, result: 'ok' | 'error' | 'dropped') => void;
  readonly leading: (leading: boolean) => void;
}

/** Registers the metrics of status, Events and the Lease. */
export function createStatusMetrics(registry: Registry): StatusMetrics {
  const registers = [registry];
  const leader = new Gauge({
    name: 'meshtrust_kubernetes_leader',
    help: 'Whether this replica holds the Lease, and therefore writes status and Events.',
    registers,
  });
  const writes = new Counter({
    name: 'meshtrust_kubernetes_writes_total',
    help: 'Write requests for status, Events, the Lease and the proxy counts of replicas, by result.',
    labelNames: ['kind', 'result'],
    registers,
  });
  leader.set(0);
  return {
    write: (kind, result) => writes.inc({ kind, result }),
    leading: (leading) => leader.set(leading ? 1 : 0),
  };
}
