import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/**
 * Why a listener let somebody not in: `no-credentials` and `unknown-token` are of the admin API; `certificate` is
 * one that is missing or that its authorities do not vouch for; `handshake` is anything else that ended TLS
 * before it began, a port scan among them.
 */
export const authFailures = ['no-credentials', 'unknown-token', 'certificate', 'handshake'] as const;

export type AuthFailure = (typeof authFailures)[number];

/** Registers the counter of a listener, with a series for each reason that it can have, and returns what counts. */
export function createAuthFailures(
  registry: Registry,
  listener: 'admin' | 'xds',
): (reason: AuthFailure) => void {
  const failures = new Counter({
    name: `meshtrust_${listener}_auth_failures_total`,
    help: `Callers that the ${listener} listener did not let in, by the reason.`,
    labelNames: ['reason'],
    registers: [registry],
  });
  const possible = listener === 'admin' ? authFailures : (['certificate', 'handshake'] as const);
  for (const reason of possible) failures.inc({ reason }, 0);
  return (reason) => failures.inc({ reason });
}
