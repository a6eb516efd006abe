import type { FlagName } from './flags.ts';

/** The flags of `serve` by topic, in the order of its help and of docs/flags.md. */
export const serveGroups = {
  Sources: ['dir', 'kubernetes', 'kubeNamespace', 'kubeAllNamespaces', 'kubeconfig', 'stateDir'],
  Trust: ['defaultMesh', 'rootTrustDomain', 'distrust', 'refuseIntermediates', 'guardHold'],
  Identities: ['identities', 'zone', 'zones', 'identityLinger', 'identityRoot', 'identitySecret'],
  Federation: [
    'federation',
    'federationClass',
    'federationClassless',
    'federationWebCa',
    'federationDenyPrivate',
    'federationMinInterval',
    'federationMaxInterval',
    'federationMaxAge',
  ],
  'Trust of other zones': [
    'importKubeconfig',
    'importContext',
    'importNamespace',
    'importUrl',
    'importTokenFile',
    'importCa',
    'importTrustDomain',
  ],
  Proxies: [
    'xdsListen',
    'tlsCert',
    'tlsKey',
    'tlsClientCa',
    'tlsClientTrust',
    'xdsAuth',
    'xdsAccess',
    'xdsTokenAudience',
    'xdsTokenIssuer',
    'xdsTokenCache',
    'xdsMaxStreamAge',
    'xdsTransport',
    'accessLogListen',
    'workers',
    'drainGrace',
    'lostWindow',
    'maxConnectionAge',
  ],
  'Admin API and page': [
    'adminListen',
    'adminCert',
    'adminKey',
    'adminClientCa',
    'adminTokenFile',
    'probeListen',
  ],
  'Status in the cluster': ['kubeStatus', 'kubeLease', 'kubeLeaseNamespace'],
  'Admission webhook': [
    'webhookListen',
    'webhookCert',
    'webhookKey',
    'webhookSecret',
    'webhookConfiguration',
  ],
  'Bundle endpoint': [
    'bundleListen',
    'bundleProfile',
    'bundleCert',
    'bundleKey',
    'bundleServe',
    'bundleRefreshHint',
    'bundleRate',
  ],
  'Log and metrics': ['logLevel', 'logFormat', 'caMetrics'],
  'Limits for MeshTrusts': ['maxDocumentBytes', 'maxCertificates', 'cacheBytes'],
  'Limits for proxies': [
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
  ],
} as const satisfies Readonly<Record<string, readonly FlagName[]>>;

/** The other flags. A command shows these before the groups that it shares with `serve`. */
const commandGroups = {
  Options: [
    'envoy',
    'once',
    'mesh',
    'trustDomain',
    'forZone',
    'universal',
    'add',
    'leaf',
    'chain',
    'state',
    'watch',
    'version',
    'proxies',
    'dryRun',
    'yes',
    'wait',
    'timeout',
    'old',
    'new',
    'leafTtl',
    'at',
    'for',
    'force',
    'disconnectWindow',
    'consumerWindow',
    'accessLog',
    'quiet',
    'clockSkew',
    'write',
    'apply',
    'clean',
    'strict',
    'url',
    'endpointId',
    'bundle',
    'as',
  ],
  Output: ['output', 'part', 'format', 'sequence', 'refreshHint'],
  Proxy: [
    'nodeId',
    'nodeCluster',
    'transport',
    'secret',
    'proxyListen',
    'proxyAdmin',
    'proxyCert',
    'proxyKey',
  ],
  'Control plane': [
    'xdsAddress',
    'xdsCa',
    'xdsName',
    'xdsCert',
    'xdsKey',
    'xdsTokenFile',
    'sdsFile',
    'xdsSpireSocket',
  ],
} as const satisfies Readonly<Record<string, readonly FlagName[]>>;

const connectionGroup = {
  'Connection to the server': ['server', 'tokenFile', 'ca', 'clientCert', 'clientKey'],
} as const satisfies Readonly<Record<string, readonly FlagName[]>>;

/** All groups, in the order of the help. */
export const flagGroups: readonly (readonly [title: string, flags: readonly FlagName[]])[] = Object.entries({
  ...commandGroups,
  ...serveGroups,
  ...connectionGroup,
});

/** The flags about the proxy of a bootstrap and its connection to the control plane. */
export const bootstrapFlags = [...commandGroups.Proxy, ...commandGroups['Control plane']] as const;

/** The flags of `serve`. */
export const serveFlags = Object.values(serveGroups).flat();

/** Flags about the reading of resources, which `serve` and the offline commands share. */
export const readingFlags = [
  'defaultMesh',
  'identities',
  'identityRoot',
  'zone',
  'zones',
  'maxDocumentBytes',
  'maxCertificates',
  'cacheBytes',
] as const;

/** The flags of `serve` that determine what is served from files. */
export const servingFlags = ['distrust', 'refuseIntermediates', 'rootTrustDomain', ...readingFlags] as const;

/** The flags by which a command changes a MeshTrust in a file or in the cluster. */
export const changeFlags = [
  'force',
  'write',
  'apply',
  'kubeconfig',
  'kubeNamespace',
  'kubeAllNamespaces',
] as const;

/** The flags of every command about a rotation. */
export const rotationFlags = [
  'mesh',
  'trustDomain',
  'proxies',
  'disconnectWindow',
  'consumerWindow',
  'accessLog',
  'quiet',
  'clockSkew',
  'defaultMesh',
  'maxDocumentBytes',
  'maxCertificates',
  ...connectionGroup['Connection to the server'],
] as const;

/** The flags of every command that sends requests to running servers. */
export const serverFlags = connectionGroup['Connection to the server'];

const positions: ReadonlyMap<FlagName, number> = new Map(
  flagGroups.flatMap(([, flags]) => flags).map((name, index) => [name, index]),
);

/** Returns the title of a flag's group. */
export function groupOf(name: FlagName): string {
  return flagGroups.find(([, flags]) => flags.includes(name))?.[0] ?? 'Options';
}

/** Sorts flags by group, in the order of the help. */
export function byGroup(flags: readonly FlagName[]): readonly FlagName[] {
  return flags.toSorted((a, b) => (positions.get(a) ?? 0) - (positions.get(b) ?? 0));
}
