import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { logRefusals } from '../../access-log/read-message.ts';
import type { LogRefusal, LogMessage } from '../../access-log/read-message.ts';
import type { ServedIssuers } from '../../access-log/sightings.ts';

/** The kinds of entries: with an issuer that is served, with another one, and without a fingerprint. */
const kinds = ['served', 'unknown', 'without'] as const;

export interface AccessLogMetrics {
  /** Counts the entries of a message. */
  readonly received: (message: LogMessage, served: ServedIssuers | undefined) => void;
  /** Counts a stream that was ended by this server, or a client that was refused. */
  readonly refused: (reason: LogRefusal) => void;
  /** Sets the function that returns the number of open streams at each scrape. */
  readonly follow: (streams: () => number) => void;
}

/** Registers the metrics of the listener for access logs. They have no series before it is followed. */
export function createAccessLogMetrics(registry: Registry): AccessLogMetrics {
  const registers = [registry];
  let count: (() => number) | undefined;
  const entries = new Counter({
    name: 'meshtrust_access_log_entries_total',
    help: 'Entries of access logs, by whether the issuer of the client is served, unknown, or not in the entry (without).',
    labelNames: ['issuer'],
    registers,
  });
  const refused = new Counter({
    name: 'meshtrust_access_log_refusals_total',
    help: 'Streams of access logs that were ended or refused, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const streams = new Gauge({
    name: 'meshtrust_access_log_streams',
    help: 'Open streams of access logs.',
    registers,
    collect: () => {
      if (count === undefined) streams.remove();
      else streams.set(count());
    },
  });
  return {
    received({ without, issuers }, served) {
      for (const [fingerprint, number] of issuers)
        entries.inc({ issuer: served?.has(fingerprint) === true ? 'served' : 'unknown' }, number);
      if (without > 0) entries.inc({ issuer: 'without' }, without);
    },
    refused: (reason) => refused.inc({ reason }),
    follow(next) {
      count = next;
      for (const issuer of kinds) entries.inc({ issuer }, 0);
      for (const reason of logRefusals) refused.inc({ reason }, 0);
    },
  };
}
