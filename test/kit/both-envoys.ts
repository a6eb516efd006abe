/** The newest and the oldest supported Envoy, and what tests with a real Envoy and with a cluster do with them. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { startEnvoy } from './envoy.ts';
import type { Envoy, EnvoyOptions } from './envoy.ts';
import { findEnvoy } from './find-envoy.ts';
import { tryClient, untilDecision } from './tls-client.ts';
import type { ClientIdentity } from './tls-client.ts';

const found = [await findEnvoy('newest'), await findEnvoy('oldest')];

/** The option `skip` of tests: false, or the reason why an Envoy is missing. */
export const skipWithoutEnvoys: string | false =
  found.flatMap((one) => (one.kind === 'missing' ? [one.reason] : []))[0] ?? false;

/** The binaries under test, newest first. Empty where the tests are skipped. */
export const binaries = found.flatMap((one) => (one.kind === 'found' ? [one] : []));

/** Starts all these Envoys at once and waits until they serve. They end with the stack. */
export async function startEnvoys(
  stack: AsyncDisposableStack,
  envoys: readonly EnvoyOptions[],
): Promise<readonly Envoy[]> {
  const results = await Promise.allSettled(envoys.map((options) => startEnvoy(options)));
  // Those that did start end even if another did not.
  const started = results.flatMap((result) =>
    result.status === 'fulfilled' ? [stack.use(result.value)] : [],
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return started;
}

/** Runs `check` for every Envoy at the same time, as a subtest with the Envoy's name. */
export async function eachEnvoy(
  t: TestContext,
  envoys: readonly Envoy[],
  check: (envoy: Envoy) => Promise<void>,
): Promise<void> {
  assert.ok(envoys.length > 0, 'there are Envoys to check');
  await Promise.all(envoys.map((envoy) => t.test(envoy.nodeId, () => check(envoy))));
}

/** Waits until every Envoy has this result for a new handshake of the client. */
export async function untilAll(
  envoys: readonly Envoy[],
  client: ClientIdentity,
  decision: 'accepted' | 'refused',
  timeoutMs?: number,
): Promise<void> {
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  await Promise.all(envoys.map(({ port }) => untilDecision(port, client, decision, options)));
}

/** Asserts that a new handshake is accepted. */
export async function assertLetIn(port: number, client: ClientIdentity): Promise<void> {
  assert.equal(await tryClient(port, client), 'accepted');
}

/** Asserts that a new handshake is rejected because of its certificate, not because of another failure. */
export async function assertRefused(port: number, client: ClientIdentity | undefined): Promise<void> {
  const decision = await tryClient(port, client);
  assert.notEqual(decision, 'accepted');
  assert.match(JSON.stringify(decision), /CERTIFICATE_(?:UNKNOWN|REQUIRED)/);
}

/** Asserts that Envoy accepted every secret that it was sent. */
export async function assertNothingRejected(envoy: Envoy, secret = 'system_trust_bundle'): Promise<void> {
  const stats = await envoy.stats();
  assert.equal(stats.get(`sds.${secret}.update_rejected`) ?? 0, 0);
  assert.ok((stats.get(`sds.${secret}.update_success`) ?? 0) > 0, 'a secret came');
}
