import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/**
 * Why a listener rejected a client. `no-credentials` and `unknown-token`: only the admin API. `certificate`: the
 * client certificate is missing, or no configured CA issued it. `handshake`: the connection ended before TLS was
 * established for another reason, such as a port scan.
 */
export const authFailures = ['no-credentials', 'unknown-token', 'certificate', 'handshake'] as const;

export type AuthFailure = (typeof authFailures)[number];

/** Registers the counter of a listener, with a series for each possible reason. Returns a function that counts. */
export function createAuthFailures(
  registry: Registry,
  listener: 'admin' | 'xds',
): (reason: AuthFailure) => void {
  const failures = new Counter({
    name: `meshtrust_${listener}_auth_failures_total`,
    help: `Clients that the ${listener} listener rejected, by reason.`,
    labelNames: ['reason'],
    registers: [registry],
  });
  const possible = listener === 'admin' ? authFailures : (['certificate', 'handshake'] as const);
  for (const reason of possible) failures.inc({ reason }, 0);
  return (reason) => failures.inc({ reason });
}
