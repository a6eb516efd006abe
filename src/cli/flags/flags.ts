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
 * The definition of every flag. The commands, the environment variables and the tables of docs/flags.md use it.
 * The variable `MESHTRUST_<FLAG>` applies where the command line does not set the flag. Flags in `onlyOnCommandLine`
 * have no variable.
 */
const table = {
  dir: ['--dir <path...>', 'directories or files of MeshTrusts (YAML or JSON) to watch'],
  kubernetes: ['--kubernetes', 'watch the MeshTrusts of a Kubernetes cluster'],
  kubeNamespace: ['--kube-namespace <name>', 'namespace to watch', 'kuma-system'],
  kubeAllNamespaces: ['--kube-all-namespaces', 'watch all namespaces'],
  kubeconfig: [
    '--kubeconfig <file>',
    'kubeconfig of the cluster; default: KUBECONFIG, the service account of the pod, or ~/.kube/config',
  ],
  kubeStatus: ['--no-kube-status', 'do not write status, Events or Leases to the cluster'],
  kubeLease: [
    '--kube-lease <name>',
    'Lease by which replicas elect the one that writes status and Events',
    'meshtrust',
  ],
  kubeLeaseNamespace: [
    '--kube-lease-namespace <name>',
    'namespace of the Lease; default: the namespace of the pod, or --kube-namespace',
  ],
  webhookListen: [
    '--webhook-listen <address>',
    'address of the admission webhook (HTTPS): HOST:PORT, such as 0.0.0.0:8443; no webhook by default',
  ],
  webhookCert: ['--webhook-cert <file>', 'certificate chain of the webhook (PEM)'],
  webhookKey: ['--webhook-key <file>', 'private key of the webhook (PEM)'],
  webhookSecret: [
    '--webhook-secret <name>',
    'Secret in which replicas keep a webhook certificate that they issue themselves, instead of files; it must exist, in the namespace of the Lease',
  ],
  webhookConfiguration: [
    '--webhook-configuration <name>',
    'ValidatingWebhookConfiguration into which replicas write the CA of --webhook-secret',
    'meshtrust',
  ],
  xdsListen: ['--xds-listen <address>', 'address for proxies: HOST:PORT or unix:PATH', '127.0.0.1:5678'],
  adminListen: [
    '--admin-listen <address>',
    'address for health, metrics, the admin API and the page: HOST:PORT or unix:PATH',
    '127.0.0.1:5680',
  ],
  adminCert: [
    '--admin-cert <file>',
    'certificate chain of the admin API (PEM); required unless it listens on loopback',
  ],
  adminKey: ['--admin-key <file>', 'private key of the admin API (PEM)'],
  adminClientCa: [
    '--admin-client-ca <file>',
    'CA certificates (PEM); clients with a certificate from one of them may use the admin API',
  ],
  adminTokenFile: [
    '--admin-token-file <file>',
    'file of tokens, one per line; clients that send one may use the admin API',
  ],
  probeListen: [
    '--probe-listen <address>',
    'another address that serves only /healthz, /readyz and /metrics',
  ],
  defaultMesh: ['--default-mesh <name>', 'mesh of resources and proxies that do not name one', 'default'],
  rootTrustDomain: ['--root-trust-domain <name>', 'trust domain of the secret ROOTCA'],
  refuseIntermediates: [
    '--refuse-intermediates',
    'refuse an intermediate whose issuer is not listed, instead of serving it as a trust anchor',
  ],
  distrust: [
    '--distrust <file>',
    'file of SHA-256 hashes of certificates or public keys that are never served',
  ],
  stateDir: [
    '--state-dir <path>',
    'directory that keeps the last good resources, which a restarted server serves until its sources are read',
  ],
  guardHold: [
    '--guard-hold <duration>',
    'time for which a mass loss of trust is held back; 0 disables the guard',
    '30s',
  ],
  drainGrace: ['--drain-grace <duration>', 'time for which streams continue after SIGTERM', '5s'],
  tlsCert: ['--tls-cert <file>', 'certificate chain of the xDS listener (PEM)'],
  tlsKey: ['--tls-key <file>', 'private key of the xDS listener (PEM)'],
  tlsClientCa: [
    '--tls-client-ca <file>',
    'CA certificates (PEM); proxies must have a certificate from one of them',
  ],
  maxDocumentBytes: ['--max-document-bytes <number>', 'maximum length of a document, in bytes', '1048576'],
  maxCertificates: ['--max-certificates <number>', 'maximum number of certificates in one resource', '1000'],
  maxNames: ['--max-names <number>', 'maximum number of names to which one stream may subscribe', '1000'],
  maxStreams: [
    '--max-streams <number>',
    'maximum number of open streams; more are refused. No limit by default',
  ],
  openRate: [
    '--open-rate <number>',
    'new streams per second after --open-burst is used up; more wait',
    '1000',
  ],
  openBurst: ['--open-burst <number>', 'new streams that are accepted at once, at any rate', '10000'],
  maxConnectionStreams: [
    '--max-connection-streams <number>',
    'maximum number of open streams on one connection',
    '256',
  ],
  maxRequestBytes: [
    '--max-request-bytes <number>',
    'maximum length of a request of a proxy, in bytes',
    '524288',
  ],
  requestTimeout: [
    '--request-timeout <duration>',
    'time-out of the TLS handshake of a client, of its first request, and of the rest of a request',
    '10s',
  ],
  slowTimeout: [
    '--slow-timeout <duration>',
    'time in which a proxy must read a response, else its connection is closed',
    '60s',
  ],
  keepalive: ['--keepalive <duration>', 'interval of the pings on idle connections of proxies', '45s'],
  keepaliveTimeout: ['--keepalive-timeout <duration>', 'time-out of a ping', '10s'],
  lostWindow: [
    '--lost-window <duration>',
    'time for which a roll-out waits for a proxy whose connection broke before it acknowledged; 0 to not wait',
    '10m',
  ],
  xdsTransport: [
    '--xds-transport <name>',
    'implementation of HTTP/2 and gRPC for proxies: grpc-js, or own (new and faster, with the same limits)',
    'grpc-js',
  ],
  maxConnectionAge: [
    '--max-connection-age <duration>',
    'age (plus or minus a tenth) at which connections are closed gracefully, so that proxies spread over replicas; at most 480h, 0 for no limit',
    '0',
  ],
  workers: ['--workers <number>', 'number of processes that serve proxies on the same port, at most 64', '1'],
  cacheBytes: ['--cache-bytes <number>', 'maximum size of the certificate cache, in bytes', '67108864'],
  caMetrics: ['--no-ca-metrics', 'do not export metrics for each CA certificate'],
  server: [
    '--server <url>',
    'admin API of a running server: http://…, https://… or unix:PATH; repeat it for each replica',
    'http://127.0.0.1:5680',
  ],
  tokenFile: [
    '--token-file <file>',
    'file with a token for the server, which has it in its --admin-token-file',
  ],
  ca: ['--ca <file>', 'CA certificates that verify the certificate of the server (PEM)'],
  clientCert: ['--client-cert <file>', 'client certificate for the server, with its chain (PEM)'],
  clientKey: ['--client-key <file>', 'private key of --client-cert (PEM)'],
  envoy: ['--envoy <file>', 'Envoy executable for the demo; default: the first on the PATH'],
  once: ['--once', 'exit after the last step instead of waiting for Ctrl-C'],
  nodeId: [
    '--node-id <name>',
    'node id of the proxy, which meshtrust shows in its lists and logs, such as edge-7',
  ],
  nodeCluster: [
    '--node-cluster <name>',
    'service cluster of the proxy, which Envoy requires; default: its mesh',
  ],
  transport: [
    '--transport <transport>',
    'xDS variant by which the proxy subscribes: delta-ads, ads, delta-sds or sds',
    'delta-ads',
  ],
  secret: ['--secret <name>', 'secret by which the proxy validates its clients', 'system_trust_bundle'],
  xdsAddress: [
    '--xds-address <address>',
    'address of the control plane: HOST:PORT or unix:PATH',
    '127.0.0.1:5678',
  ],
  xdsCa: [
    '--xds-ca <file>',
    'CA certificates that verify the certificate of the control plane (PEM); without it, the proxy uses no TLS',
  ],
  xdsName: [
    '--xds-name <name>',
    'DNS name or IP address in the certificate of the control plane; default: the host of --xds-address',
  ],
  xdsCert: [
    '--xds-cert <file>',
    'client certificate of the proxy for the control plane, with its chain (PEM)',
  ],
  xdsKey: ['--xds-key <file>', 'private key of --xds-cert (PEM)'],
  proxyListen: ['--proxy-listen <address>', 'address at which the proxy accepts clients', '127.0.0.1:8443'],
  proxyAdmin: ['--proxy-admin <address>', 'address of the admin interface of the proxy', '127.0.0.1:9901'],
  proxyCert: [
    '--proxy-cert <file>',
    'certificate chain of the proxy for its clients (PEM)',
    '/etc/envoy/tls/tls.crt',
  ],
  proxyKey: ['--proxy-key <file>', 'private key of --proxy-cert (PEM)', '/etc/envoy/tls/tls.key'],
  trustDomain: ['--trust-domain <name>', 'only this trust domain'],
  format: [
    '--format <format>',
    'print certificates: pem, json, or spiffe (a SPIFFE bundle with --trust-domain, else a bundle map)',
  ],
  sequence: [
    '--sequence <number>',
    'spiffe_sequence of the bundle; default: the time in ms at which the server began to serve this version; none for files',
  ],
  refreshHint: ['--refresh-hint <duration>', 'spiffe_refresh_hint of the bundle', '5m'],
  mesh: ['--mesh <name>', 'name of the mesh'],
  leaf: ['--leaf <file>', 'certificate of the client (PEM or DER); its chain may follow in the same file'],
  chain: ['--chain <file>', 'intermediates that the client sends after its leaf (PEM or DER)'],
  state: [
    '--state <state>',
    'only proxies in this state: synced, pending, stale, refused, reconnecting, lost or disconnected',
  ],
  watch: ['-w, --watch', 'keep running, and print the list again when it changes'],
  version: ['--version <version>', 'version of the mesh to wait for; default: the served version'],
  proxies: [
    '--proxies <number>',
    'minimum number of connected proxies to wait for; 0 accepts a mesh without proxies',
    '1',
  ],
  dryRun: ['--dry-run', 'print what would be done, without doing it'],
  yes: ['-y, --yes', 'do not ask for confirmation'],
  wait: ['--no-wait', 'do not wait until the proxies have the change'],
  timeout: ['--timeout <duration>', 'maximum time to wait', '5m'],
  strict: ['--strict', 'exit with 1 on warnings as well'],
  output: ['-o, --output <format>', 'output format: table (or text), wide, json or yaml', 'table'],
  logLevel: ['--log-level <level>', 'lowest level that is logged: debug, info, warn or error', 'info'],
  logFormat: [
    '--log-format <format>',
    'log format: json, pretty, or auto (pretty on a terminal, else json)',
    'auto',
  ],
} as const satisfies Record<string, readonly [flag: string, description: string, fallback?: string]>;

export type FlagName = keyof typeof table;

/**
 * Flags without an environment variable: many environments set `MESHTRUST_VERSION` or `MESHTRUST_OUTPUT` for another
 * purpose. The flags of `serve`, and the flags by which commands reach a server, have a variable.
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

/** The type of a flag's value, from its parser, its choices or its form. */
type ValueOf<Name extends FlagName> = Name extends 'dir' | 'server'
  ? readonly string[]
  : Name extends keyof typeof parsers
    ? ReturnType<(typeof parsers)[Name]>
    : Name extends keyof typeof choices
      ? (typeof choices)[Name][number]
      : (typeof table)[Name][0] extends `${string}<${string}`
        ? string
        : boolean;

/** Flags that always have a value: they have a default or begin with `--no-`. */
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

/** Returns the option of a flag, with its default. `readEnvironment` reads its environment variable. */
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
  // In an environment variable, the items of a list are joined as in PATH.
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

/** Returns true if `servers` is the default: neither the command line nor the environment names a server. */
export function namesNoServer(servers: readonly string[]): boolean {
  return servers === defaultServers;
}

/** Adds servers to the list; the first one replaces the default. The variable separates them with spaces or commas. */
function appendServers(text: string, before: readonly string[] | undefined): readonly string[] {
  const given = before === undefined || before === defaultServers ? [] : before;
  return [...given, ...text.split(/[\s,]+/).filter((url) => url !== '')];
}

/**
 * Sets the options that the command line leaves out from the environment. An empty variable counts as unset. This
 * does not use commander's own `env`, which reads `MESHTRUST_KUBERNETES=false` as true and an empty variable as a
 * value.
 * @throws {CommandError} (usage) if a variable has a value that its flag does not accept.
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
    throw new CommandError(exitCode.usage, `variable ${variable}: ${error.message}`);
  }
}

function isFlagName(key: string): key is FlagName {
  return Object.hasOwn(table, key);
}

/** A flag in the documentation. */
export interface DescribedFlag {
  readonly name: FlagName;
  readonly flag: string;
  /** Undefined for a flag that only the command line can set. */
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

/** Returns the environment variable of a flag; undefined if it has none. */
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

/** Parses a duration that grpc-js supports: with a longer one it would close each connection at once. */
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

/** Parses a count where zero is allowed. */
function parseCountOrZero(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

function parseSequence(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** Machines have no cores for more processes than this, and each process needs memory. */
const mostWorkers = 64;

function parseWorkers(text: string): number {
  const workers = parseCount(text);
  if (workers > mostWorkers) throw new InvalidArgumentError(`Give at most ${mostWorkers}.`);
  return workers;
}
