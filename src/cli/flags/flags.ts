import { delimiter } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { anyProxyStates } from '../../api/fleet-api-types.ts';
import { parseTrustDomain } from '../../trust/model/trust-domain.ts';
import { parseListenAddress } from '../../net/listen-address.ts';
import { longestConnectionAgeMs } from '../../xds/timers/timers.ts';
import { bootstrapTransports } from '../bootstrap/envoy-bootstrap.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { outputFormats } from '../terminal/output.ts';
import type { OutputFormat } from '../terminal/output.ts';

/**
 * Every flag, once: the commands, the environment, and the tables of docs/flags.md all come from here.
 * `MESHTRUST_<FLAG>` sets what the command line leaves out, but for the flags in `onlyOnCommandLine`.
 */
const table = {
  dir: ['--dir <path...>', 'watch these directories (or files) of YAML or JSON'],
  kubernetes: ['--kubernetes', 'watch the MeshTrusts of a Kubernetes cluster'],
  kubeNamespace: ['--kube-namespace <name>', 'namespace of the cluster to watch', 'kuma-system'],
  kubeAllNamespaces: ['--kube-all-namespaces', 'watch every namespace of the cluster'],
  kubeconfig: [
    '--kubeconfig <file>',
    'kubeconfig of the cluster; else KUBECONFIG, the service account, or ~/.kube/config',
  ],
  kubeStatus: ['--no-kube-status', 'write no status, Events or Leases to the cluster'],
  kubeLease: ['--kube-lease <name>', 'Lease of the replica that writes status and Events', 'meshtrust'],
  kubeLeaseNamespace: [
    '--kube-lease-namespace <name>',
    'where the Lease is; else the namespace of the pod, or --kube-namespace',
  ],
  webhookListen: [
    '--webhook-listen <address>',
    'answer the admission webhook of the cluster here: HOST:PORT (HTTPS)',
  ],
  webhookCert: ['--webhook-cert <file>', 'certificate chain of the webhook (PEM)'],
  webhookKey: ['--webhook-key <file>', 'private key of the webhook (PEM)'],
  webhookSecret: [
    '--webhook-secret <name>',
    'instead of files: an existing Secret, beside the Lease, in which replicas keep a certificate that they make themselves',
  ],
  webhookConfiguration: [
    '--webhook-configuration <name>',
    'ValidatingWebhookConfiguration that is told the CA of the Secret',
    'meshtrust',
  ],
  xdsListen: ['--xds-listen <address>', 'where proxies connect: HOST:PORT or unix:PATH', '127.0.0.1:5678'],
  adminListen: ['--admin-listen <address>', 'health, metrics and the admin API', '127.0.0.1:5680'],
  adminCert: ['--admin-cert <file>', 'certificate chain of the admin API (PEM); needed beyond loopback'],
  adminKey: ['--admin-key <file>', 'private key of the admin API (PEM)'],
  adminClientCa: [
    '--admin-client-ca <file>',
    'authorities (PEM); whoever has a certificate of theirs may use the admin API',
  ],
  adminTokenFile: [
    '--admin-token-file <file>',
    'tokens, one a line; whoever shows one may use the admin API',
  ],
  probeListen: [
    '--probe-listen <address>',
    'serve /healthz, /readyz and /metrics here as well, and nothing else',
  ],
  defaultMesh: ['--default-mesh <name>', 'mesh of resources and proxies that name none', 'default'],
  rootTrustDomain: ['--root-trust-domain <name>', 'trust domain that the secret ROOTCA stands for'],
  refuseIntermediates: [
    '--refuse-intermediates',
    'refuse an intermediate without its issuer instead of re-rooting it',
  ],
  distrust: ['--distrust <file>', 'file of SHA-256 fingerprints or key hashes that are never served'],
  stateDir: ['--state-dir <path>', 'keep the last good resources here, to start from them'],
  guardHold: [
    '--guard-hold <duration>',
    'how long a mass loss of trust is held back; 0 switches it off',
    '30s',
  ],
  drainGrace: ['--drain-grace <duration>', 'how long streams go on after SIGTERM', '5s'],
  tlsCert: ['--tls-cert <file>', 'certificate chain of the xDS listener (PEM)'],
  tlsKey: ['--tls-key <file>', 'private key of the xDS listener (PEM)'],
  tlsClientCa: [
    '--tls-client-ca <file>',
    'authorities that must have signed the certificates of proxies (PEM)',
  ],
  maxDocumentBytes: ['--max-document-bytes <number>', 'longest document that is read', '1048576'],
  maxCertificates: ['--max-certificates <number>', 'most certificates in one resource', '1000'],
  maxNames: ['--max-names <number>', 'most names that one stream may subscribe to', '1000'],
  maxStreams: ['--max-streams <number>', 'most streams at once; more are refused'],
  openRate: ['--open-rate <number>', 'streams opened a second once the burst is used up; more wait', '1000'],
  openBurst: ['--open-burst <number>', 'streams that may be opened at once, however fast they come', '10000'],
  maxConnectionStreams: [
    '--max-connection-streams <number>',
    'most streams at once on one connection',
    '256',
  ],
  maxRequestBytes: ['--max-request-bytes <number>', 'longest request of a proxy that is read', '524288'],
  requestTimeout: [
    '--request-timeout <duration>',
    'how long a client may take for its TLS handshake, its first request, and a request that it has begun',
    '10s',
  ],
  slowTimeout: [
    '--slow-timeout <duration>',
    'how long a proxy may take for one response before it is cut off',
    '60s',
  ],
  keepalive: ['--keepalive <duration>', 'how often idle connections of proxies are probed', '45s'],
  keepaliveTimeout: ['--keepalive-timeout <duration>', 'how long a probe may take', '10s'],
  lostWindow: [
    '--lost-window <duration>',
    'how long a roll-out waits for a proxy whose connection broke before it acknowledged; 0 to not wait',
    '10m',
  ],
  xdsTransport: [
    '--xds-transport <name>',
    'HTTP/2 and gRPC for proxies: grpc-js, or own (new and faster; the same limits apply)',
    'grpc-js',
  ],
  maxConnectionAge: [
    '--max-connection-age <duration>',
    'age (within a tenth) at which connections are asked to go, so that proxies spread over replicas; at most 480h, 0 for none',
    '0',
  ],
  workers: ['--workers <number>', 'processes that serve proxies behind the one port', '1'],
  cacheBytes: ['--cache-bytes <number>', 'bound of the certificate cache', '67108864'],
  caMetrics: ['--no-ca-metrics', 'leave out the metrics of each single authority'],
  server: [
    '--server <url>',
    'the running server that a command asks: http://…, https://… or unix:PATH; given again for each replica',
    'http://127.0.0.1:5680',
  ],
  tokenFile: ['--token-file <file>', 'token that the server wants, as in its --admin-token-file'],
  ca: ['--ca <file>', 'authorities of the certificate of the server (PEM)'],
  clientCert: ['--client-cert <file>', 'certificate to show to the server (PEM)'],
  clientKey: ['--client-key <file>', 'private key of it (PEM)'],
  envoy: ['--envoy <file>', 'the Envoy of the demo; else the first on the PATH'],
  once: ['--once', 'end the demo when it has shown everything'],
  nodeId: ['--node-id <name>', 'what the proxy is called, here and in the logs of the server'],
  nodeCluster: ['--node-cluster <name>', 'service cluster of the proxy, which Envoy demands; else its mesh'],
  transport: ['--transport <transport>', 'how the proxy asks: delta-ads, ads, delta-sds or sds', 'delta-ads'],
  secret: ['--secret <name>', 'the secret that clients of the proxy are judged by', 'system_trust_bundle'],
  xdsAddress: [
    '--xds-address <address>',
    'where the proxy reaches the control plane: HOST:PORT or unix:PATH',
    '127.0.0.1:5678',
  ],
  xdsCa: ['--xds-ca <file>', 'authorities of the certificate of the control plane, for TLS to it (PEM)'],
  xdsName: [
    '--xds-name <name>',
    'DNS name or IP address in that certificate; else the host of --xds-address',
  ],
  xdsCert: ['--xds-cert <file>', 'certificate chain that the proxy shows to the control plane (PEM)'],
  xdsKey: ['--xds-key <file>', 'private key of it (PEM)'],
  proxyListen: ['--proxy-listen <address>', 'where the proxy takes clients', '127.0.0.1:8443'],
  proxyAdmin: ['--proxy-admin <address>', "where the proxy's own admin interface is", '127.0.0.1:9901'],
  proxyCert: [
    '--proxy-cert <file>',
    'certificate chain that the proxy shows to clients (PEM)',
    '/etc/envoy/tls/tls.crt',
  ],
  proxyKey: ['--proxy-key <file>', 'private key of it (PEM)', '/etc/envoy/tls/tls.key'],
  trustDomain: ['--trust-domain <name>', 'only this trust domain of the mesh'],
  format: [
    '--format <format>',
    'print the certificates themselves: pem, json, or spiffe (a SPIFFE bundle, or a map of them)',
  ],
  sequence: [
    '--sequence <number>',
    'spiffe_sequence of the bundle; else the time of the change, where a server knows it',
  ],
  refreshHint: ['--refresh-hint <duration>', 'spiffe_refresh_hint of the bundle', '5m'],
  mesh: ['--mesh <name>', 'the mesh that a command is about'],
  leaf: ['--leaf <file>', 'certificate of a client (PEM or DER), with its chain after it or without'],
  chain: ['--chain <file>', 'certificates that the client sends after its leaf (PEM or DER)'],
  state: [
    '--state <state>',
    'only proxies that are synced, pending, stale, refused, reconnecting, lost or disconnected',
  ],
  watch: ['-w, --watch', 'go on, and print again what changes'],
  version: ['--version <version>', 'the version of the mesh to wait for; else the one that is served'],
  proxies: [
    '--proxies <number>',
    'also wait until this many proxies are connected; 0 accepts a mesh without proxies',
    '1',
  ],
  dryRun: ['--dry-run', 'say what would be done, and do nothing'],
  yes: ['-y, --yes', 'do not ask'],
  wait: ['--no-wait', 'do not wait until proxies have the change'],
  timeout: ['--timeout <duration>', 'how long to wait', '5m'],
  strict: ['--strict', 'exit 1 on warnings as well'],
  output: ['-o, --output <format>', 'table (or text), wide, json or yaml', 'table'],
  logLevel: ['--log-level <level>', 'debug, info, warn or error', 'info'],
  logFormat: ['--log-format <format>', 'json, pretty, or auto: pretty on a terminal', 'auto'],
} as const satisfies Record<string, readonly [flag: string, description: string, fallback?: string]>;

export type FlagName = keyof typeof table;

/**
 * The flags of commands that have no variable: `MESHTRUST_VERSION` or `MESHTRUST_OUTPUT` is set in many an environment
 * for another purpose. Those of `serve`, and those by which commands reach a server, have one.
 */
const onlyOnCommandLine: ReadonlySet<FlagName> = new Set([
  'nodeId',
  'nodeCluster',
  'envoy',
  'once',
  'transport',
  'secret',
  'xdsAddress',
  'xdsCa',
  'xdsName',
  'xdsCert',
  'xdsKey',
  'proxyListen',
  'proxyAdmin',
  'proxyCert',
  'proxyKey',
  'trustDomain',
  'format',
  'sequence',
  'refreshHint',
  'mesh',
  'leaf',
  'chain',
  'state',
  'watch',
  'version',
  'dryRun',
  'yes',
  'wait',
  'proxies',
  'timeout',
  'strict',
  'output',
] as const);

type Parser = (text: string) => unknown;

const parsers = {
  xdsListen: parseAddress,
  adminListen: parseAddress,
  probeListen: parseAddress,
  webhookListen: parseAddress,
  xdsAddress: parseAddress,
  proxyListen: parseAddress,
  proxyAdmin: parseAddress,
  output: parseOutput,
  rootTrustDomain: parseRoot,
  trustDomain: parseRoot,
  guardHold: parseDuration,
  drainGrace: parseDuration,
  maxDocumentBytes: parseCount,
  maxCertificates: parseCount,
  maxNames: parseCount,
  maxStreams: parseCount,
  openRate: parseCount,
  openBurst: parseCount,
  maxConnectionStreams: parseCount,
  maxRequestBytes: parseCount,
  requestTimeout: parseDuration,
  slowTimeout: parseDuration,
  keepalive: parseDuration,
  keepaliveTimeout: parseDuration,
  lostWindow: parseDuration,
  maxConnectionAge: parseConnectionAge,
  proxies: parseCountOrZero,
  timeout: parseDuration,
  sequence: parseSequence,
  refreshHint: parseDuration,
  workers: parseWorkers,
  cacheBytes: parseCount,
} satisfies Partial<Record<FlagName, Parser>>;

const choices = {
  state: anyProxyStates,
  transport: bootstrapTransports,
  output: outputFormats,
  format: ['pem', 'json', 'spiffe'],
  xdsTransport: ['grpc-js', 'own'],
  logLevel: ['debug', 'info', 'warn', 'error'],
  logFormat: ['json', 'pretty', 'auto'],
} as const satisfies Partial<Record<FlagName, readonly string[]>>;

function parserOf(name: FlagName): Parser | undefined {
  return (parsers as Partial<Record<FlagName, Parser>>)[name];
}

function choicesOf(name: FlagName): readonly string[] | undefined {
  return (choices as Partial<Record<FlagName, readonly string[]>>)[name];
}

/** The value of a flag, as its parser, its choices or its form say. */
type ValueOf<Name extends FlagName> = Name extends 'dir' | 'server'
  ? readonly string[]
  : Name extends keyof typeof parsers
    ? ReturnType<(typeof parsers)[Name]>
    : Name extends keyof typeof choices
      ? (typeof choices)[Name][number]
      : (typeof table)[Name][0] extends `${string}<${string}`
        ? string
        : boolean;

/** Flags that always have a value: they have a default, or switch something off. */
type Always<Name extends FlagName> = Name extends unknown
  ? (typeof table)[Name] extends readonly [`--no-${string}`, string] | readonly [string, string, string]
    ? Name
    : never
  : never;

/** The options of a command that has these flags. */
export type FlagOptions<Name extends FlagName> = {
  readonly [Flag in Always<Name>]: ValueOf<Flag>;
} & {
  readonly [Flag in Exclude<Name, Always<Name>>]?: ValueOf<Flag>;
};

/** The option of a flag, with its default; its environment variable is read by `readEnvironment`. */
export function flag(name: FlagName): Option {
  const [flags, description, fallback] = table[name] as readonly [string, string, string?];
  const variable = environmentVariable(name);
  const option = new Option(
    flags,
    variable === undefined ? description : `${description} (env: ${variable})`,
  );
  const allowed = choicesOf(name);
  if (allowed !== undefined) option.choices(allowed);
  const parser = parserOf(name);
  if (parser !== undefined) option.argParser(parser);
  if (name === 'server') option.argParser(appendServers);
  // The variable of a list has its items joined as in PATH.
  if (name === 'dir')
    option.argParser((text: string, before: string[] | undefined) => [
      ...(before ?? []),
      ...text.split(delimiter),
    ]);
  if (fallback !== undefined) option.default(defaultOf(name, fallback), fallback);
  return option;
}

function defaultOf(name: FlagName, fallback: string): unknown {
  if (name === 'server') return defaultServers;
  const parser = parserOf(name);
  return parser === undefined ? fallback : parser(fallback);
}

const defaultServers: readonly string[] = [table.server[2]];

/** Whether servers are those of the default, since neither the command line nor the environment names any. */
export function namesNoServer(servers: readonly string[]): boolean {
  return servers === defaultServers;
}

/** The first that is given takes the place of the default. The variable has several with spaces between them. */
function appendServers(text: string, before: readonly string[] | undefined): readonly string[] {
  const given = before === undefined || before === defaultServers ? [] : before;
  return [...given, ...text.split(/[\s,]+/).filter((url) => url !== '')];
}

/**
 * Sets what the command line leaves out from the environment. Not by commander's own `env`, to which
 * `MESHTRUST_KUBERNETES=false` means yes and an empty variable a value. Empty is unset.
 * @throws {CommandError} (usage) if a variable has a value that its flag does not take.
 */
export function readEnvironment(command: Command, env: Readonly<Record<string, string | undefined>>): void {
  for (const option of command.options) {
    const key = option.attributeName();
    if (!isFlagName(key) || command.getOptionValueSource(key) === 'cli') continue;
    const variable = environmentVariable(key);
    const text = variable === undefined ? undefined : env[variable];
    if (variable === undefined || text === undefined || text === '') continue;
    command.setOptionValueWithSource(key, valueOf(option, variable, text), 'env');
  }
}

function valueOf(option: Option, variable: string, text: string): unknown {
  try {
    if (option.isBoolean()) return parseSwitch(text);
    if (option.negate) return !parseSwitch(text);
    return option.parseArg === undefined ? text : option.parseArg(text, undefined);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new CommandError(exitCode.usage, `the variable ${variable}: ${error.message}`);
  }
}

function isFlagName(key: string): key is FlagName {
  return Object.hasOwn(table, key);
}

/** A flag as the documentation shows it. */
export interface DescribedFlag {
  readonly name: FlagName;
  readonly flag: string;
  /** Undefined for a flag that only the command line sets. */
  readonly variable: string | undefined;
  readonly fallback: string;
  readonly description: string;
}

/** Returns all flags in the order of the table. */
export function describeFlags(): readonly DescribedFlag[] {
  return (Object.keys(table) as FlagName[]).map((name) => {
    const [flags, description, fallback = ''] = table[name] as readonly [string, string, string?];
    return { name, flag: flags, variable: environmentVariable(name), fallback, description };
  });
}

/** The variable of a flag; undefined if it has none. */
export function environmentVariable(name: FlagName): string | undefined {
  if (onlyOnCommandLine.has(name)) return undefined;
  const flags = table[name][0];
  const long = /--([a-z-]+)/.exec(flags)?.[1] ?? name;
  return `MESHTRUST_${long.replaceAll('-', '_').toUpperCase()}`;
}

/** The longest duration that a flag accepts, in milliseconds: ten years. */
const longestDurationMs = 87_600 * 3_600_000;

/**
 * Parses `30s`, `500ms`, `2m`, `1h` or `0`. Returns milliseconds.
 * @throws {InvalidArgumentError} for another form, and for more than ten years.
 */
export function parseDuration(text: string): number {
  const match = /^(\d+)(ms|s|m|h)$/.exec(text);
  if (text === '0') return 0;
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? ''];
  if (match === null || factor === undefined)
    throw new InvalidArgumentError('Give a duration such as 30s, 500ms, 2m, or 0.');
  const duration = Number(match[1]) * factor;
  if (duration > longestDurationMs) throw new InvalidArgumentError('Give at most 87600h (10 years).');
  return duration;
}

/** A duration that grpc-js can keep: a longer one would end each connection at once. */
function parseConnectionAge(text: string): number {
  const age = parseDuration(text);
  if (age > longestConnectionAgeMs) throw new InvalidArgumentError('Give at most 480h (20 days).');
  return age;
}

function parseSwitch(text: string): boolean {
  if (/^(?:true|yes|on|1)$/i.test(text)) return true;
  if (/^(?:false|no|off|0)$/i.test(text)) return false;
  throw new InvalidArgumentError('Give true or false.');
}

function parseAddress(text: string): string {
  try {
    parseListenAddress(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function parseOutput(text: string): OutputFormat {
  const format = outputFormats.find((known) => known === (text === 'text' ? 'table' : text));
  if (format === undefined)
    throw new InvalidArgumentError(`Allowed choices are ${outputFormats.join(', ')}.`);
  return format;
}

function parseRoot(text: string): string {
  const parsed = parseTrustDomain(text);
  if (parsed.kind === 'invalid') throw new InvalidArgumentError(`It ${parsed.reason}.`);
  return parsed.name;
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('Give a whole number above zero.');
  return Number(text);
}

/** Also of `--proxies`, where zero has a meaning of its own. */
function parseCountOrZero(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

function parseSequence(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** More processes than this have no cores to run on, and each takes its memory. */
const mostWorkers = 64;

function parseWorkers(text: string): number {
  const workers = parseCount(text);
  if (workers > mostWorkers) throw new InvalidArgumentError(`Give at most ${mostWorkers}.`);
  return workers;
}
