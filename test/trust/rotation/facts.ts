import type { RotationMarks } from '../../../src/trust/model/read-rotation.ts';
import { usualGateOptions } from '../../../src/trust/rotation/facts.ts';
import type {
  AnsweredFacts,
  CaFacts,
  ConsumerFacts,
  GateInput,
  NewCa,
  PublicationFacts,
  ServedCa,
} from '../../../src/trust/rotation/facts.ts';

export const hour = 3_600_000;
export const now = Date.parse('2026-11-28T12:00:00Z');
export const [oldHash, newHash] = ['a'.repeat(64), 'b'.repeat(64)] as const;

/** A CA certificate whose fingerprint and key consist of one digit. */
export function ca(digit: string, more: Partial<CaFacts> = {}): CaFacts {
  return {
    fingerprint: digit.repeat(64),
    keyHash: digit.repeat(64),
    subject: `CN=${digit}`,
    issuer: `CN=${digit}`,
    notBefore: now - 1000 * hour,
    notAfter: now + 10_000 * hour,
    ...more,
  };
}

export function servedCa(digit: string, more: Partial<ServedCa> = {}): ServedCa {
  return { ...ca(digit), asListed: true, resources: ['default//zone'], ...more };
}

/** A server that serves both CA certificates, and whose three proxies have acknowledged them. */
export function server(more: Partial<AnsweredFacts> = {}): AnsweredFacts {
  return {
    kind: 'answered',
    server: 'one',
    notReady: undefined,
    startedAt: now - 100 * hour,
    served: { version: 'v2', since: now - 50 * hour },
    cas: [servedCa('a'), servedCa('b')],
    overLimit: false,
    held: false,
    rotations: [],
    proxies: {
      connected: 3,
      acked: 3,
      lost: 0,
      refused: 0,
      forgotten: 0,
      complete: true,
      lagging: [],
    },
    gone: [],
    unlisted: { count: 0, lastAt: 0 },
    authentication: { methods: ['mtls'], beyondHost: true, limitsNodes: true },
    publication: undefined,
    ...more,
  };
}

/** A bundle with a refresh hint of five minutes that has been published for two days. */
export function publication(more: Partial<PublicationFacts> = {}): PublicationFacts {
  return { etag: '"1"', hintMs: 300_000, unchangedMs: 50 * hour, consumers: [], ...more };
}

/** A consumer that has confirmed the published bundle. */
export function consumer(more: Partial<ConsumerFacts> = {}): ConsumerFacts {
  return { name: 'x', state: 'current', ageMs: 60_000, pollMs: 60_000, ...more };
}

export const usableCa: NewCa = { kind: 'usable', ca: ca('b'), selfSigned: true, names: 'fit' };

/** A rotation that was switched 30 hours ago, with leaves of 24 hours: every gate of the finish is open. */
export function drained(more: Partial<GateInput> = {}, marks: Partial<RotationMarks> = {}): GateInput {
  return {
    resource: { identity: 'default//zone', listed: [ca('a'), ca('b')], ownedBy: undefined },
    marks: { old: oldHash, new: newHash, switchedAt: now - 30 * hour, leafTtlMs: 24 * hour, ...marks },
    servers: [server()],
    options: usualGateOptions,
    now,
    ...more,
  };
}

/** A rotation before its start: only the old CA is listed. */
export function before(more: Partial<GateInput> = {}): GateInput {
  const input = drained({}, { switchedAt: undefined });
  return {
    ...input,
    resource: { ...input.resource, listed: [ca('a')] },
    servers: [server({ cas: [servedCa('a')] })],
    newCa: usableCa,
    ...more,
  };
}
