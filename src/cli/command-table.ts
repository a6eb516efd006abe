import type { Action } from './commands/command.ts';
import {
  bootstrapFlags,
  changeFlags,
  readingFlags,
  rotationFlags,
  serveFlags,
  serverFlags,
  servingFlags,
} from './flags/flag-groups.ts';
import type { FlagName, FlagOptions } from './flags/flags.ts';

/** The definition of a command for help, completions and parser. Its code is loaded when it runs. */
export interface CommandDefinition {
  /** The name; with a space for a command of a group: `guard release`. */
  readonly name: string;
  readonly alias?: string;
  /** The heading under which the program's help lists the command; undefined for a hidden command. */
  readonly group?: string;
  readonly summary: string;
  readonly operands?: readonly Operand[];
  readonly flags: readonly FlagName[];
  /** Whether `-o wide` shows more than `-o table`. False: the command does not accept it. */
  readonly wide?: boolean;
  /** Command lines for the help, without the name of the program. */
  readonly examples: readonly (readonly [line: string, purpose: string])[];
  /** True if the command writes to the unguarded streams: the log escapes unsafe characters itself. */
  readonly unguarded?: boolean;
  readonly load: () => Promise<Action<never>>;
}

interface Operand {
  readonly name: string;
  readonly description: string;
  readonly choices?: readonly string[];
}

/** Ties the flags of a command to the options that its code accepts. */
function define<const Flags extends readonly FlagName[]>(
  definition: Omit<CommandDefinition, 'load'> & {
    readonly flags: Flags;
    readonly load: () => Promise<Action<FlagOptions<Flags[number]>>>;
  },
): CommandDefinition {
  return definition;
}

const files = 'files or directories; - for standard input';
const rotationFiles = 'files or directories with the MeshTrust that lists the CA; - for standard input';

/** All commands, in the order of the help and of docs/commands.md. One table, so this file is long. */
export const commandTable: readonly CommandDefinition[] = [
  define({
    name: 'serve',
    group: 'Serve',
    summary: 'serve trust bundles to Envoy over xDS, from directories or a Kubernetes cluster',
    operands: [{ name: '[path...]', description: 'directories or files to watch, as with --dir' }],
    flags: serveFlags,
    examples: [
      ['serve trust/', 'serve the MeshTrusts of a directory'],
      ['serve --kubernetes --state-dir /var/lib/meshtrust', 'serve those of a cluster, also after a restart'],
      [
        'serve trust/ --xds-listen 0.0.0.0:5678 --tls-cert tls.crt --tls-key tls.key --tls-client-ca ca.crt',
        'serve with TLS, and require client certificates',
      ],
    ],
    unguarded: true,
    load: async () => (await import('./commands/serve-command.ts')).serveCommand,
  }),
  define({
    name: 'demo',
    group: 'Serve',
    summary: 'show the effect of a change of trust, with a temporary server, certificates and Envoy',
    flags: ['envoy', 'once'],
    examples: [['demo', 'run until Ctrl-C']],
    load: async () => (await import('./commands/demo-command.ts')).demo,
  }),
  define({
    name: 'validate',
    group: 'Examine trust',
    summary: 'check MeshTrusts in files offline; exit with 1 on an error, or if there is nothing to check',
    operands: [{ name: '<path...>', description: files }],
    flags: ['strict', 'output', 'distrust', 'refuseIntermediates', ...readingFlags],
    wide: false,
    examples: [
      ['validate trust/ --strict', 'fail on warnings as well'],
      ['validate -', 'read standard input: kubectl get mtrust -A -o yaml | meshtrust validate -'],
    ],
    load: async () => (await import('./commands/validate-command.ts')).validate,
  }),
  define({
    name: 'bundle',
    group: 'Examine trust',
    summary: 'print the trust bundle of a mesh, from files or from a running server',
    operands: [
      {
        name: '[path...]',
        description: 'files or directories (- for standard input); without one, a running server is asked',
      },
    ],
    flags: [
      'mesh',
      'trustDomain',
      'format',
      'sequence',
      'refreshHint',
      'output',
      ...servingFlags,
      ...serverFlags,
    ],
    examples: [
      ['bundle --mesh payments', 'what the server serves for a mesh'],
      ['bundle trust/ -o json', 'what files would result in'],
      ['bundle --format pem --trust-domain example.org', 'CA certificates of a trust domain'],
    ],
    load: async () => (await import('./commands/bundle-command.ts')).bundle,
  }),
  define({
    name: 'diff',
    group: 'Examine trust',
    summary: 'show what a change would do: compare files with a running server, or with other files',
    operands: [
      {
        name: '<path>',
        description: 'file or directory with the change; with a second path, the state before the change',
      },
      {
        name: '[after]',
        description: 'file or directory with the change, compared with the first path instead of a server',
      },
    ],
    flags: ['mesh', 'add', 'output', ...servingFlags, ...serverFlags],
    examples: [
      ['diff trust/', 'compare with the server'],
      ['diff --add zone-2.yaml', 'what applying these MeshTrusts beside the others would do'],
      ['diff before/ after/ --mesh default', 'compare directories'],
    ],
    load: async () => (await import('./commands/diff-command.ts')).diff,
  }),
  define({
    name: 'verify',
    group: 'Examine trust',
    summary: 'check by the rules of Envoy whether proxies would accept a client certificate, and why',
    operands: [
      {
        name: '[path...]',
        description:
          'files or directories with the trust (- for standard input); without one, a running server is asked',
      },
    ],
    flags: ['leaf', 'chain', 'mesh', 'output', ...servingFlags, ...serverFlags],
    examples: [
      ['verify --leaf client.pem', 'ask the server'],
      ['verify trust/ --leaf client.pem --chain issuing.pem', 'judge by files'],
    ],
    load: async () => (await import('./commands/verify-command.ts')).verify,
  }),
  define({
    name: 'derive',
    group: 'Examine trust',
    summary: 'print the MeshTrusts that follow from MeshIdentities in files or a cluster, as YAML',
    operands: [{ name: '[path...]', description: `${files}; or give --kubernetes` }],
    flags: [
      'kubernetes',
      'kubeconfig',
      'kubeNamespace',
      'kubeAllNamespaces',
      'identitySecret',
      'zone',
      'zones',
      'identityRoot',
      'defaultMesh',
      'maxDocumentBytes',
      'maxCertificates',
      'cacheBytes',
    ],
    examples: [
      ['derive identities/ --zone east > trust.yaml', 'MeshTrusts for a repository'],
      ['derive identities/ --zones east,west', 'MeshTrusts of all zones, for another mesh'],
      ['derive --kubernetes --zone east', 'of the MeshIdentities of a cluster'],
    ],
    load: async () => (await import('./commands/derive-command.ts')).derive,
  }),
  define({
    name: 'export',
    group: 'Examine trust',
    summary: 'print the trust of a mesh as MeshTrusts for another zone, as YAML',
    operands: [
      {
        name: '[path...]',
        description: 'files or directories (- for standard input); without one, a running server is asked',
      },
    ],
    flags: ['mesh', 'trustDomain', 'forZone', 'universal', 'kubeNamespace', ...servingFlags, ...serverFlags],
    examples: [
      [
        'export --mesh default --trust-domain default.zone-1.mesh.local --for-zone zone-2 > zone-1.yaml',
        'for kubectl apply in zone-2',
      ],
      ['export trust/ --universal', 'from files, in the Universal form'],
    ],
    load: async () => (await import('./commands/export-command.ts')).exportTrust,
  }),
  define({
    name: 'check',
    group: 'Operate',
    summary: 'check running servers, the trust that they serve, and their proxies; exit with 1 on a failure',
    flags: ['strict', 'output', ...serverFlags],
    examples: [
      ['check', 'check the server of this machine'],
      ['check --server http://a:5680 --server http://b:5680', 'check and compare replicas'],
    ],
    load: async () => (await import('./commands/check-command.ts')).check,
  }),
  define({
    name: 'proxy-status',
    alias: 'ps',
    group: 'Operate',
    summary: 'list connected, reconnecting and lost proxies, and the version that each has acknowledged',
    operands: [{ name: '[node]', description: 'node id of one proxy, to show its details' }],
    flags: ['mesh', 'state', 'watch', 'output', ...serverFlags],
    examples: [
      ['ps --state stale', 'proxies that are behind'],
      ['ps edge-7', 'all details of one proxy'],
    ],
    load: async () => (await import('./commands/proxy-status-command.ts')).proxyStatus,
  }),
  define({
    name: 'wait',
    group: 'Operate',
    summary:
      'wait until all proxies of a mesh, including lost ones, have acknowledged the served or a given version',
    flags: ['mesh', 'version', 'proxies', 'timeout', 'output', ...serverFlags],
    examples: [['wait --mesh default --timeout 2m', 'exit with 4 if a proxy is behind after two minutes']],
    load: async () => (await import('./commands/wait-command.ts')).wait,
  }),
  define({
    name: 'identities',
    group: 'Operate',
    summary:
      'list the MeshIdentities of running servers, their CA certificates, and replaced ones with their end',
    flags: ['mesh', 'output', ...serverFlags],
    examples: [['identities --mesh default', 'the MeshIdentities of a mesh']],
    load: async () => (await import('./commands/identities-command.ts')).identities,
  }),
  define({
    name: 'identities release',
    group: 'Operate',
    summary: 'stop trusting the CA certificates that a MeshIdentity no longer has, before their end',
    operands: [{ name: '<name>', description: 'MeshIdentity: its name, or namespace/name' }],
    flags: ['mesh', 'defaultMesh', 'yes', ...serverFlags],
    examples: [['identities release identity --mesh default', 'once no leaf of the old CA is in use']],
    load: async () => (await import('./commands/identities-command.ts')).releaseIdentity,
  }),
  define({
    name: 'federation',
    group: 'Operate',
    summary: 'list the trust domains whose bundles running servers fetch, and the state of each',
    flags: ['mesh', 'watch', 'output', ...serverFlags],
    examples: [
      ['federation -o wide', 'with URLs, sequence numbers and the next fetch'],
      ['federation --watch', 'print the list again when it changes'],
    ],
    load: async () => (await import('./commands/federation-command.ts')).federation,
  }),
  define({
    name: 'federation refresh',
    group: 'Operate',
    summary: 'fetch the bundles of other trust domains now, at all servers',
    flags: ['mesh', 'trustDomain', ...serverFlags],
    examples: [['federation refresh --trust-domain spire.example', 'the bundle of one trust domain']],
    load: async () => (await import('./commands/federation-command.ts')).refreshFederation,
  }),
  define({
    name: 'federation fetch',
    group: 'Operate',
    summary: 'fetch a SPIFFE bundle once, and explain it or print a resource with it',
    flags: [
      'url',
      'endpointId',
      'bundle',
      'federationWebCa',
      'as',
      'trustDomain',
      'mesh',
      'defaultMesh',
      'maxDocumentBytes',
    ],
    examples: [
      ['federation fetch --url https://spire.example:8443/', 'an endpoint with the profile https_web'],
      [
        'federation fetch --url https://spire.example:8443/ --endpoint-id spiffe://spire.example/spire/server --bundle bundle.json --trust-domain spire.example --as ClusterFederatedTrustDomain',
        'a resource for serve --federation',
      ],
    ],
    load: async () => (await import('./commands/federation-fetch-command.ts')).fetchFederation,
  }),
  define({
    name: 'federation consumers',
    group: 'Operate',
    summary: 'list who fetched the bundles that a server publishes, and whether they hold the current ones',
    flags: ['mesh', 'trustDomain', 'output', ...serverFlags],
    examples: [['federation consumers --trust-domain example.org', 'before a CA of it is removed']],
    load: async () => (await import('./commands/consumers-command.ts')).consumers,
  }),
  define({
    name: 'rotate plan',
    group: 'Operate',
    summary: 'show the steps and gates of the rotation of a CA; exit with 1 if it could not start',
    operands: [
      { name: '[path...]', description: `${rotationFiles}; without one, running servers are asked` },
    ],
    flags: ['old', 'new', 'leafTtl', 'output', ...rotationFlags],
    wide: false,
    examples: [
      ['rotate plan --old f5c7fd0a9a1640ae --new new-ca.pem --leaf-ttl 24h trust/', 'before rotate start'],
    ],
    load: async () => (await import('./commands/rotate-command.ts')).planRotation,
  }),
  define({
    name: 'rotate start',
    group: 'Operate',
    summary: 'begin the rotation of a CA: print the file with the new CA beside the old one',
    operands: [{ name: '[path...]', description: rotationFiles }],
    flags: ['old', 'new', 'leafTtl', ...changeFlags, ...rotationFlags],
    examples: [
      ['rotate start --old old-ca.pem --new new-ca.pem --leaf-ttl 24h --write trust/', 'change the file'],
    ],
    load: async () => (await import('./commands/rotate-command.ts')).startRotation,
  }),
  define({
    name: 'rotate status',
    group: 'Operate',
    summary: 'show the state of a rotation, and what its next step waits for',
    operands: [
      { name: '[path...]', description: `${rotationFiles}; without one, running servers are asked` },
    ],
    flags: ['watch', 'output', ...rotationFlags],
    wide: false,
    examples: [['rotate status --mesh default', 'what the server knows']],
    load: async () => (await import('./commands/rotate-status-command.ts')).rotationStatus,
  }),
  define({
    name: 'rotate wait',
    group: 'Operate',
    summary: 'wait until a rotation is introduced, removable or steady; exit with 4 if time is up',
    operands: [
      { name: '[path...]', description: `${rotationFiles}; without one, running servers are asked` },
    ],
    flags: ['for', 'timeout', 'output', ...rotationFlags],
    wide: false,
    examples: [['rotate wait --for introduced --timeout 10m', 'before the issuer is switched']],
    load: async () => (await import('./commands/rotate-status-command.ts')).waitForRotation,
  }),
  define({
    name: 'rotate switched',
    group: 'Operate',
    summary: 'record that the issuer signs with the new CA: from then on the leaves of the old one end',
    operands: [{ name: '[path...]', description: rotationFiles }],
    flags: ['at', 'leafTtl', ...changeFlags, ...rotationFlags],
    examples: [['rotate switched --write trust/', 'the issuer was switched just now']],
    load: async () => (await import('./commands/rotate-command.ts')).switchedRotation,
  }),
  define({
    name: 'rotate back',
    group: 'Operate',
    summary: 'record that the issuer signs with the old CA again',
    operands: [{ name: '[path...]', description: rotationFiles }],
    flags: ['leafTtl', ...changeFlags, ...rotationFlags],
    examples: [['rotate back --write trust/', 'the issuer was switched back just now']],
    load: async () => (await import('./commands/rotate-command.ts')).backRotation,
  }),
  define({
    name: 'rotate finish',
    group: 'Operate',
    summary: 'remove the old CA, once no leaf of it can be valid; to distrust a CA now, use revoke',
    operands: [{ name: '[path...]', description: rotationFiles }],
    flags: ['clean', ...changeFlags, ...rotationFlags],
    examples: [
      ['rotate finish --write trust/', 'remove the old CA'],
      ['rotate finish --apply', 'remove it in the cluster'],
      ['rotate finish --clean --write trust/', 'remove the annotations at the end'],
    ],
    load: async () => (await import('./commands/rotate-command.ts')).finishRotation,
  }),
  define({
    name: 'rotate observe',
    group: 'Operate',
    summary: 'count the issuers of clients in an access log of Envoy, by fingerprint',
    operands: [{ name: '<file>', description: 'JSON access log; - for standard input' }],
    flags: ['output'],
    wide: false,
    examples: [['rotate observe access.log', 'which CAs still have clients']],
    load: async () => (await import('./commands/rotate-observe-command.ts')).observeIssuers,
  }),
  define({
    name: 'rotate abort',
    group: 'Operate',
    summary: 'end a rotation before the issuer is switched: remove the new CA',
    operands: [{ name: '[path...]', description: rotationFiles }],
    flags: [...changeFlags, ...rotationFlags],
    examples: [['rotate abort --write trust/', 'the new CA is not needed after all']],
    load: async () => (await import('./commands/rotate-command.ts')).abortRotation,
  }),
  define({
    name: 'revoke',
    group: 'Operate',
    summary:
      'distrust a CA now: add it to the list of --distrust, and wait until all proxies have the change; to replace a CA without refusing its clients, use rotate',
    operands: [
      {
        name: '<fingerprint>',
        description:
          'SHA-256 of the certificate or of its public key: at least 16 hex digits, or as openssl prints it',
      },
    ],
    flags: ['distrust', 'dryRun', 'yes', 'wait', 'timeout', ...serverFlags],
    examples: [
      ['revoke f5c7fd0a9a1640ae --distrust /etc/meshtrust/distrusted --dry-run', 'show the effect'],
      ['revoke f5c7fd0a9a1640ae --distrust /etc/meshtrust/distrusted', 'revoke'],
    ],
    load: async () => (await import('./commands/revoke-command.ts')).revoke,
  }),
  define({
    name: 'guard release',
    group: 'Operate',
    summary: 'withdraw now the trust that the guard holds: all, or of one mesh or trust domain',
    flags: ['mesh', 'trustDomain', 'dryRun', 'yes', 'output', ...serverFlags],
    wide: false,
    examples: [
      ['guard release --dry-run', 'what the guard holds, and for how many proxies'],
      ['guard release --mesh payments', 'release the trust of one mesh'],
    ],
    load: async () => (await import('./commands/guard-command.ts')).releaseGuard,
  }),
  define({
    name: 'bootstrap',
    group: 'Set up',
    summary: 'print an Envoy bootstrap (YAML): a listener whose clients are validated by the trust bundle',
    flags: ['mesh', 'defaultMesh', 'output', 'part', ...bootstrapFlags, ...serverFlags],
    wide: false,
    examples: [
      ['bootstrap --node-id edge-7 --mesh default', 'a listener with client certificates'],
      ['bootstrap --node-id edge-7 --xds-address xds.example:5678 --xds-ca ca.crt', 'with TLS to meshtrust'],
      ['bootstrap --part cluster --secret spiffe://example.org', 'the TLS of a cluster, to paste'],
    ],
    load: async () => (await import('./commands/bootstrap-command.ts')).bootstrap,
  }),
  define({
    name: 'completion',
    group: 'Set up',
    summary: 'print a completion script for a shell: source <(meshtrust completion bash)',
    operands: [{ name: '<shell>', description: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] }],
    flags: [],
    examples: [['completion bash', 'for bash: source <(meshtrust completion bash)']],
    load: async () => (await import('./commands/completion-command.ts')).completion,
  }),
  define({
    name: 'complete',
    summary: 'print completions of a command line, for kubectl and for the completion scripts',
    operands: [{ name: '[word...]', description: 'words of the command line' }],
    flags: [],
    examples: [],
    load: async () => (await import('./commands/complete-command.ts')).complete,
  }),
  define({
    name: 'version',
    summary: 'print the version',
    flags: [],
    examples: [],
    load: async () => (await import('./commands/version-command.ts')).versionCommand,
  }),
  define({
    name: 'worker',
    summary: 'serve proxies for a parent process',
    flags: [],
    examples: [],
    unguarded: true,
    load: async () => (await import('./commands/worker-command.ts')).worker,
  }),
];

/** Descriptions of the groups of commands. */
export const commandGroupSummaries: Readonly<Record<string, string>> = {
  guard: 'control the mass-loss guard of a running server',
  rotate: 'replace a CA by a new one, step by step, so that no client is refused',
};
