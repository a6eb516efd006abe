import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { makeSelfSignedLeaf } from './certificates.ts';
import { createEnvoyAdmin } from './envoy-admin.ts';
import { envoyBootstrap } from './envoy-bootstrap.ts';
import { adminPortIn, startEnvoyProcess } from './envoy-process.ts';
import { toPem } from './pem.ts';
import { poll } from './poll.ts';
import { makeTempDir } from './temp-dir.ts';

const run = promisify(execFile);

/** The trust anchors of a trust domain, as unchecked bytes. */
export interface RawDomain {
  readonly trustDomain: string;
  readonly ders: readonly Uint8Array[];
}

/** An Envoy with its trust in its own configuration, without a control plane that would change the bytes. */
export interface RawEnvoy extends AsyncDisposable {
  readonly port: number;
  readonly log: () => string;
  /** The trust domains that this Envoy cannot load. It runs without them. */
  readonly notLoaded: ReadonlySet<string>;
}

/** Starts an Envoy with all trust domains of the list that it can load. */
export async function startRawEnvoy(path: string, domains: readonly RawDomain[]): Promise<RawEnvoy> {
  const dir = await makeTempDir();
  const files = { config: dir.join('envoy.json'), admin: dir.join('admin') };
  const identity = makeSelfSignedLeaf({ commonName: 'listener' });
  const write = (some: readonly RawDomain[]): Promise<void> =>
    writeFile(files.config, JSON.stringify(bootstrap(some, identity)));
  const loads = async (some: readonly RawDomain[]): Promise<boolean> => {
    await write(some);
    return run(path, ['--mode', 'validate', '--log-level', 'off', '--config-path', files.config]).then(
      () => true,
      () => false,
    );
  };
  const notLoaded = new Set<string>();
  const sieve = async (some: readonly RawDomain[]): Promise<void> => {
    if (some.length === 0 || (await loads(some))) return;
    const [first] = some;
    if (some.length === 1 && first !== undefined) {
      notLoaded.add(first.trustDomain);
      return;
    }
    const half = Math.ceil(some.length / 2);
    await sieve(some.slice(0, half));
    await sieve(some.slice(half));
  };
  await sieve(domains);
  await write(domains.filter(({ trustDomain }) => !notLoaded.has(trustDomain)));
  const child = await startEnvoyProcess(path, files, 'connection:debug');
  const adminPort = await poll('the admin port of Envoy', () => adminPortIn(files), { timeoutMs: 20_000 });
  const admin = createEnvoyAdmin('raw', adminPort);
  const [port = 0] = await poll('the listener of Envoy', () => admin.listenerPorts(1), { timeoutMs: 20_000 });
  return {
    port,
    log: child.stderr,
    notLoaded,
    [Symbol.asyncDispose]: async () => {
      await child.stop('SIGKILL');
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Returns the bootstrap of the other tests, with a static validation context. */
function bootstrap(domains: readonly RawDomain[], identity: { certPem: string; keyPem: string }): object {
  const json = JSON.stringify(
    envoyBootstrap({
      transport: 'delta-sds',
      xdsPort: 1,
      nodeId: 'raw',
      mesh: 'default',
      secretNames: ['raw'],
      identity,
      tls: undefined,
      initialFetchTimeout: 1,
    }),
    (key, value: unknown) => (key === 'validation_context_sds_secret_config' ? undefined : value),
  );
  return JSON.parse(json, (key, value: unknown) =>
    key === 'common_tls_context' ? { ...(value as object), validation_context: contextOf(domains) } : value,
  ) as object;
}

function contextOf(domains: readonly RawDomain[]): object {
  return {
    custom_validator_config: {
      name: 'envoy.tls.cert_validator.spiffe',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
        trust_domains: domains.map(({ trustDomain, ders }) => ({
          name: trustDomain,
          trust_bundle: { inline_string: ders.map((der) => toPem(Buffer.from(der))).join('') },
        })),
      },
    },
  };
}
