import type { Command } from 'commander';
import { unprotected } from '../../admin/access.ts';
import type { ServeOptions, TlsFiles } from '../../runtime/serve-options.ts';
import { isLoopback, parseListenAddress } from '../../net/listen-address.ts';
import { isTracingOn } from '../../observe/tracing/tracing-environment.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { flag } from '../flags/flags.ts';
import type { FlagOptions, FlagName } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { addReadingOptions } from '../offline/offline-options.ts';
import type { ReadingOptions } from '../offline/offline-options.ts';
import { version } from '../terminal/version.ts';
import { webhookOf } from '../flags/webhook-options.ts';
import type { WebhookFlags } from '../flags/webhook-options.ts';

const flags = [
  'dir',
  'kubernetes',
  'kubeNamespace',
  'kubeAllNamespaces',
  'kubeconfig',
  'kubeStatus',
  'kubeLease',
  'kubeLeaseNamespace',
  'webhookListen',
  'webhookCert',
  'webhookKey',
  'webhookSecret',
  'webhookConfiguration',
  'xdsListen',
  'adminListen',
  'adminCert',
  'adminKey',
  'adminClientCa',
  'adminTokenFile',
  'probeListen',
  'identities',
  'zone',
  'zones',
  'identityLinger',
  'rootTrustDomain',
  'refuseIntermediates',
  'distrust',
  'stateDir',
  'guardHold',
  'drainGrace',
  'tlsCert',
  'tlsKey',
  'tlsClientCa',
  'maxNames',
  'maxStreams',
  'openRate',
  'openBurst',
  'maxConnectionStreams',
  'maxRequestBytes',
  'requestTimeout',
  'slowTimeout',
  'keepalive',
  'keepaliveTimeout',
  'lostWindow',
  'maxConnectionAge',
  'xdsTransport',
  'workers',
  'caMetrics',
  'logLevel',
  'logFormat',
] as const satisfies readonly FlagName[];

type ServeFlags = FlagOptions<(typeof flags)[number]> & ReadingOptions & WebhookFlags;

/** Adds `meshtrust serve`, which runs until the process receives SIGTERM or SIGINT. */
export function addServeCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('serve')
    .description('serve trust bundles to Envoy over xDS, from directories or a Kubernetes cluster')
    .argument('[path...]', 'directories or files to watch, as with --dir');
  for (const name of flags) command.addOption(flag(name));
  addReadingOptions(command).action(async (paths: string[], options: ServeFlags) => {
    const dirs = [...(options.dir ?? []), ...paths];
    const kubernetes = kubernetesOf(options);
    if (dirs.length === 0 && kubernetes === undefined) {
      throw new CommandError(
        exitCode.usage,
        'no source of MeshTrusts is given: give --dir PATH, --kubernetes, or both',
      );
    }
    const webhook = webhookOf(options);
    const identities = identitiesOf(options);
    const tls = tlsOf(options);
    const adminTls = adminTlsOf(options);
    // Imported here, so that other commands and workers do not load modules that only `serve` uses.
    const { serve } = await import('../../app/serve.ts');
    try {
      const tracing = isTracingOn(io.env);
      await serve({ ...options, identities, version, dirs, kubernetes, webhook, tls, adminTls, tracing }, io);
    } catch (error) {
      // An address, a certificate or a list cannot be used. Anything else is a defect.
      if (!(error instanceof Error)) throw error;
      throw new CommandError(exitCode.cannotStart, error.message);
    }
    done(exitCode.ok);
  });
}

function kubernetesOf(options: ServeFlags): ServeOptions['kubernetes'] {
  if (options.kubernetes !== true) return undefined;
  const namespace = options.kubeAllNamespaces === true ? undefined : options.kubeNamespace;
  const { kubeconfig, kubeStatus, kubeLease: lease, kubeLeaseNamespace: leaseNamespace } = options;
  const watched = options.kubeNamespace;
  return { namespace, kubeconfig, status: kubeStatus ? { lease, leaseNamespace, watched } : undefined };
}

function identitiesOf({ identities, zone, zones, identityLinger }: ServeFlags): ServeOptions['identities'] {
  if (identities !== true) {
    if (zone !== undefined || zones !== undefined)
      throw new CommandError(exitCode.usage, '--zone and --zones have an effect only with --identities');
    return undefined;
  }
  return { zone, zones: zones ?? [], linger: identityLinger };
}

function tlsOf({ tlsCert, tlsKey, tlsClientCa }: ServeFlags): ServeOptions['tls'] {
  return filesOf('tls', tlsCert, tlsKey, tlsClientCa);
}

/**
 * Returns the TLS files of the admin API.
 * @throws {CommandError} (usage) if it would be reachable from other machines without authentication: it shows the
 * trust of all meshes, and can release what the guard holds.
 */
function adminTlsOf(options: ServeFlags): ServeOptions['adminTls'] {
  const { adminCert, adminKey, adminClientCa, adminTokenFile, adminListen } = options;
  const files = filesOf('admin', adminCert, adminKey, adminClientCa);
  const isSafe =
    isLoopback(parseListenAddress(adminListen)) ||
    (files !== undefined && (adminTokenFile ?? adminClientCa) !== undefined);
  if (!isSafe) throw new CommandError(exitCode.usage, `${adminListen}: ${unprotected}`);
  return files;
}

function filesOf(
  prefix: 'tls' | 'admin',
  certificate: string | undefined,
  key: string | undefined,
  clientCa: string | undefined,
): TlsFiles | undefined {
  if (certificate === undefined && key === undefined && clientCa === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new CommandError(exitCode.usage, `TLS needs both --${prefix}-cert and --${prefix}-key`);
  }
  return { certificate, key, clientCa };
}
