import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate, LeafOptions } from '../../kit/certificates.ts';
import { transports } from '../../kit/envoy-bootstrap.ts';
import { startEnvoy } from '../../kit/envoy.ts';
import type { Envoy, EnvoyOptions } from '../../kit/envoy.ts';
import { findEnvoy } from '../../kit/find-envoy.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust, MeshtrustOptions } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { tryClient } from '../../kit/tls-client.ts';
import type { ClientIdentity } from '../../kit/tls-client.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import type { WatchedDir } from '../../kit/watched-dir.ts';

const newest = await findEnvoy('newest');
const oldest = await findEnvoy('oldest');

/** The `skip` option of each test: false, or the reason why no Envoy is available. */
export const skip: string | false =
  [newest, oldest].find((found) => found.kind === 'missing')?.reason ?? false;

/** The binaries under test, newest first; empty where the tests are skipped. */
export const binaries = [newest, oldest].flatMap((found) => (found.kind === 'found' ? [found] : []));

/** A trust domain of a test: its CA, a MeshTrust that lists it, and its clients. */
export interface Domain {
  readonly name: string;
  readonly ca: Certificate;
  /** A MeshTrust with the CA; or with these PEM texts instead. */
  readonly yaml: (pems?: readonly string[]) => string;
  readonly client: (options?: LeafOptions) => Certificate;
}

/** Creates a trust domain with a new CA. */
export function makeDomain(name: string, ca = makeCa({ commonName: `CA of ${name}` })): Domain {
  return {
    name,
    ca,
    yaml: (pems = [ca.certPem]) => meshTrustYaml({ name: `trust-${name}`, trustDomain: name, pems }),
    client: (options) => makeLeaf(ca, { spiffeId: `spiffe://${name}/client`, ...options }),
  };
}

export interface StageOptions extends Omit<MeshtrustOptions, 'dirs'> {
  /** The initial files of the watched directory, by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly envoy?: Omit<Partial<EnvoyOptions>, 'path' | 'xdsPort' | 'transport'>;
}

/** The program, a directory that it watches, and Envoys that it serves. */
export interface Stage extends AsyncDisposable {
  readonly files: WatchedDir;
  readonly dir: string;
  readonly meshtrust: Meshtrust;
  readonly envoys: readonly Envoy[];
}

/** Starts the program and, when it is ready, both Envoys in each of the four transports. */
export async function startStage({ files, envoy, ...options }: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const watched = watchedDir(dir.path);
  for (const [name, text] of Object.entries(files)) await watched.put(name, text);
  const meshtrust = stack.use(await startMeshtrust({ dirs: [dir.path], ...options }));
  const envoys = await startEnvoys(stack, meshtrust.xdsPort, envoy);
  const owned = stack.move();
  return {
    files: watched,
    dir: dir.path,
    meshtrust,
    envoys,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Both Envoys in each transport, `copies` times; all at once, and all disposed of with the stack. */
export async function startEnvoys(
  stack: AsyncDisposableStack,
  xdsPort: number,
  options: StageOptions['envoy'] = {},
): Promise<readonly Envoy[]> {
  const kinds = binaries.flatMap(({ path, version }) =>
    transports.map((transport) => ({ path, version, transport })),
  );
  const results = await Promise.allSettled(
    kinds.map(({ path, version, transport }) =>
      startEnvoy({ path, transport, xdsPort, nodeId: `${transport}-${version}`, ...options }),
    ),
  );
  // Those that did start are released even when another did not.
  const envoys = results.flatMap((result) =>
    result.status === 'fulfilled' ? [stack.use(result.value)] : [],
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return envoys;
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
