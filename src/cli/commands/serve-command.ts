import type { Action } from './command.ts';
import { unprotected } from '../../api/unprotected.ts';
import type { ServeOptions, TlsFiles } from '../../runtime/serve-options.ts';
import { isLoopback, parseListenAddress } from '../../net/listen-address.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { serveFlags } from '../flags/flag-groups.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { hasColours } from '../terminal/terminal.ts';
import { documentation, version } from '../terminal/version.ts';
import { reasonWithPlace } from '../../text/system-error.ts';
import { bundleEndpointOf } from '../flags/bundle-endpoint-options.ts';
import type { BundleFlags } from '../flags/bundle-endpoint-options.ts';
import { xdsAuthOf } from '../flags/xds-auth-options.ts';
import { webhookOf } from '../flags/webhook-options.ts';

type ServeFlags = FlagOptions<(typeof serveFlags)[number]>;

/** The options that are not the value of a flag of the same name, and the flags from which only they are made. */
interface Grouped {
  version: never;
  documentation: never;
  dirs: 'dir';
  kubernetes:
    | 'kubernetes'
    | 'kubeNamespace'
    | 'kubeAllNamespaces'
    | 'kubeconfig'
    | 'kubeStatus'
    | 'kubeLease'
    | 'kubeLeaseNamespace';
  webhook: 'webhookListen' | 'webhookCert' | 'webhookKey' | 'webhookSecret' | 'webhookConfiguration';
  bundleEndpoint: keyof BundleFlags;
  identities: 'identities' | 'zone' | 'zones' | 'identityLinger' | 'identityRoot' | 'identitySecret';
  federation:
    | 'federation'
    | 'federationClass'
    | 'federationClassless'
    | 'federationWebCa'
    | 'federationDenyPrivate'
    | 'federationMinInterval'
    | 'federationMaxInterval'
    | 'federationMaxAge';
  imports:
    | 'importKubeconfig'
    | 'importContext'
    | 'importNamespace'
    | 'importUrl'
    | 'importTokenFile'
    | 'importCa'
    | 'importTrustDomain';
  tls: 'tlsCert' | 'tlsKey' | 'tlsClientCa';
  xdsAuth: 'xdsAuth' | 'tlsClientTrust' | 'xdsTokenAudience' | 'xdsTokenCache' | 'xdsTokenIssuer';
  adminTls: 'adminCert' | 'adminKey' | 'adminClientCa';
}

type FlagsOf<Option extends keyof Grouped> = Pick<ServeFlags, Grouped[Option]>;

type GroupedOptions = { readonly [Option in keyof Grouped]: ServeOptions[Option] };

/**
 * The flags that are options of the same name. An error here: a flag is neither an option of `serve` nor in `Grouped`.
 */
type PlainOptions = Pick<ServeOptions, Exclude<keyof ServeFlags, Grouped[keyof Grouped]>>;

/** The same as flags. An error here: an option of `serve` is neither a flag nor in `Grouped`. */
type PlainFlags = Pick<ServeFlags, Exclude<keyof ServeOptions, keyof Grouped>>;

/** Serves trust bundles until the process receives SIGTERM or SIGINT. */
export const serveCommand: Action<ServeFlags> = async ({ operands: paths, options, io }) => {
  const dirs = [...(options.dir ?? []), ...paths];
  // An empty path never exists, so the server would never be ready.
  if (paths.includes(''))
    throw new CommandError(exitCode.usage, 'a path is empty: give directories or files');
  const kubernetes = kubernetesOf(options);
  if (dirs.length === 0 && kubernetes === undefined) {
    throw new CommandError(
      exitCode.usage,
      'no source of MeshTrusts is given: give --dir PATH, --kubernetes, or both',
    );
  }
  const grouped: GroupedOptions = {
    version,
    documentation: documentation(''),
    dirs,
    kubernetes,
    webhook: webhookOf(options),
    bundleEndpoint: bundleEndpointOf(options),
    identities: identitiesOf(options),
    federation: federationOf(options),
    imports: importsOf(options),
    tls: tlsOf(options),
    xdsAuth: xdsAuthOf(options),
    adminTls: adminTlsOf(options),
  };
  const plain: PlainOptions = options satisfies PlainFlags;
  // Imported here, so that other commands and workers do not load modules that only `serve` uses.
  const { serve } = await import('../../app/serve.ts');
  try {
    await serve({ ...plain, ...grouped }, { ...io, colour: hasColours(io.env, io.stdout) });
  } catch (error) {
    // An address, a certificate or a list cannot be used. Anything else is a defect.
    if (!(error instanceof Error)) throw error;
    throw new CommandError(exitCode.cannotStart, reasonWithPlace(error));
  }
  return exitCode.ok;
};

function kubernetesOf(options: FlagsOf<'kubernetes'>): ServeOptions['kubernetes'] {
  if (options.kubernetes !== true) return undefined;
  const namespace = options.kubeAllNamespaces === true ? undefined : options.kubeNamespace;
  const { kubeconfig, kubeStatus, kubeLease: lease, kubeLeaseNamespace: leaseNamespace } = options;
  const watched = options.kubeNamespace;
  return { namespace, kubeconfig, status: kubeStatus ? { lease, leaseNamespace, watched } : undefined };
}

function identitiesOf(options: FlagsOf<'identities' | 'imports' | 'kubernetes'>): ServeOptions['identities'] {
  const { identities, zone, zones, identityLinger, identityRoot: root, identitySecret: secrets } = options;
  if (identities !== true) {
    if (zones !== undefined || (zone !== undefined && importedFrom(options) === undefined))
      throw new CommandError(
        exitCode.usage,
        '--zone and --zones have an effect only with --identities, and --zone with an import',
      );
    if ((root ?? secrets) !== undefined)
      throw new CommandError(
        exitCode.usage,
        '--identity-root and --identity-secret have an effect only with --identities',
      );
    return undefined;
  }
  if (secrets !== undefined && options.kubernetes !== true)
    throw new CommandError(exitCode.usage, '--identity-secret has an effect only with --kubernetes');
  return { zone, zones: zones ?? [], linger: identityLinger, root, secrets };
}

/** @throws {CommandError} (usage) if an option has no effect, or the shortest interval is longer than the longest. */
function federationOf(options: FlagsOf<'federation'>): ServeOptions['federation'] {
  const { federationClass: className, federationClassless: classless, federationWebCa: webCa } = options;
  const { federationMinInterval, federationMaxInterval, federationMaxAge: maxAgeMs } = options;
  const denyPrivate = options.federationDenyPrivate === true;
  if (options.federation !== true) {
    if (className !== undefined || webCa !== undefined || denyPrivate)
      throw new CommandError(
        exitCode.usage,
        'the flags --federation-… have an effect only with --federation',
      );
    return undefined;
  }
  const [minIntervalMs, maxIntervalMs] = [federationMinInterval, federationMaxInterval];
  if (minIntervalMs < 1000 || maxIntervalMs < minIntervalMs)
    throw new CommandError(
      exitCode.usage,
      '--federation-min-interval must be at least 1s and at most --federation-max-interval',
    );
  return { className, classless, webCa, denyPrivate, minIntervalMs, maxIntervalMs, maxAgeMs };
}

function importsOf(options: FlagsOf<'imports' | 'identities'>): ServeOptions['imports'] {
  const { importTrustDomain: granted = new Map<string, never>(), identityLinger: linger, zone } = options;
  const from = importedFrom(options);
  if (from === undefined) {
    if (granted.size > 0)
      throw new CommandError(
        exitCode.usage,
        '--import-trust-domain has an effect only with --import-kubeconfig or --import-url',
      );
    return undefined;
  }
  // Without the zone, resources of this zone and of other zones could not be distinguished.
  if (zone === undefined)
    throw new CommandError(exitCode.usage, 'an import needs --zone, the zone of this server');
  return { zone, granted, linger, from };
}

function importedFrom(options: FlagsOf<'imports'>): NonNullable<ServeOptions['imports']>['from'] | undefined {
  const { importKubeconfig: kubeconfig, importContext: context, importNamespace: namespace } = options;
  const { importUrl: url, importTokenFile: tokenFile, importCa: ca } = options;
  if (kubeconfig !== undefined && url !== undefined)
    throw new CommandError(exitCode.usage, '--import-kubeconfig and --import-url cannot be combined');
  if (kubeconfig === undefined && context !== undefined)
    throw new CommandError(exitCode.usage, '--import-context has an effect only with --import-kubeconfig');
  if (url === undefined && (tokenFile ?? ca) !== undefined)
    throw new CommandError(
      exitCode.usage,
      '--import-token-file and --import-ca have an effect only with --import-url',
    );
  if (kubeconfig !== undefined) return { kind: 'cluster', kubeconfig, context, namespace };
  return url === undefined ? undefined : { kind: 'api', url, tokenFile, ca };
}

function tlsOf({ tlsCert, tlsKey, tlsClientCa }: FlagsOf<'tls'>): ServeOptions['tls'] {
  return filesOf('tls', tlsCert, tlsKey, tlsClientCa);
}

/**
 * Returns the TLS files of the admin API.
 * @throws {CommandError} (usage) if it would be reachable from other machines without authentication: it shows the
 * trust of all meshes, and can release what the guard holds.
 */
function adminTlsOf(
  options: FlagsOf<'adminTls'> & Pick<ServeFlags, 'adminListen' | 'adminTokenFile'>,
): ServeOptions['adminTls'] {
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
