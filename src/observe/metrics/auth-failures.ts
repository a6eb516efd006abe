import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import { accessRefusals } from '../../access/claim.ts';
import type { AccessRefusal } from '../../access/claim.ts';
import type { XdsObserver } from '../../xds/index.ts';

/**
 * Why a listener rejected a client. `unknown-token`: only the admin API. `certificate`: the client certificate is
 * missing, or no accepted CA issued it. `handshake`: the connection ended before TLS was established for another
 * reason, such as a port scan. The xDS listener has the reasons of its decisions about clients as well.
 */
const authFailures = ['no-credentials', 'unknown-token', 'certificate', 'handshake'] as const;

export type AuthFailure = (typeof authFailures)[number];

/** Registers the counter of a listener, with a series for each possible reason. Returns a function that counts. */
export function createAuthFailures(
  registry: Registry,
  listener: 'admin' | 'xds',
): (reason: AuthFailure | AccessRefusal) => void {
  const failures = new Counter({
    name: `meshtrust_${listener}_auth_failures_total`,
    help: `Clients that the ${listener} listener rejected, by reason.`,
    labelNames: ['reason'],
    registers: [registry],
  });
  const possible = listener === 'admin' ? authFailures : (['handshake', ...accessRefusals] as const);
  for (const reason of possible) failures.inc({ reason }, 0);
  return (reason) => failures.inc({ reason });
}

/**
 * Returns an observer that counts the clients that the xDS listener refused. It leaves out those of open streams that
 * are judged again: each certificate and token expires one day, and the alert is about clients that cannot connect.
 */
export function countDenied(failed: (reason: AccessRefusal) => void): XdsObserver {
  return {
    denied: ({ reason, isJudgedAgain }) => {
      if (isJudgedAgain) return;
      const known = accessRefusals.find((one) => one === reason);
      if (known !== undefined) failed(known);
    },
  };
}
