import { delimiter } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { anyProxyStates } from '../../api/fleet-api-types.ts';
import { bootstrapParts, bootstrapTransports } from '../bootstrap/envoy-bootstrap.ts';
import { groupOf } from './flag-groups.ts';
import { flagsOfCommandLine, flagsWithVariable } from './flag-table.ts';
import {
  appendRules,
  parseAddress,
  parseAuthMethods,
  parseConnectionAge,
  parseCount,
  parseCountOrZero,
  parseDuration,
  parseForce,
  parseFormat,
  parseGrants,
  parseImportUrl,
  parseLeafTtl,
  parseLinger,
  parseNames,
  parseNamespace,
  parseObjectName,
  parseOutput,
  parseRefreshHint,
  parseRoot,
  parseSequence,
  parseSocket,
  parseSwitch,
  parseSwitchTime,
  parseTimeout,
  parseWindow,
  parseWorkers,
  parseZones,
} from './parse-values.ts';
import type { PublicationRule } from '../../trust/federation/publication-rule.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { outputFormats } from '../terminal/output-format.ts';

const table = { ...flagsWithVariable, ...flagsOfCommandLine };

export type FlagName = keyof typeof table;

type Parser = (text: string) => unknown;

const parsers = {
  xdsListen: parseAddress,
  accessLogListen: parseAddress,
  adminListen: parseAddress,
  probeListen: parseAddress,
  webhookListen: parseAddress,
  webhookSecret: parseObjectName,
  webhookConfiguration: parseObjectName,
  kubeNamespace: parseNamespace,
  kubeLease: parseObjectName,
  kubeLeaseNamespace: parseNamespace,
  importNamespace: parseNamespace,
  bundleListen: parseAddress,
  bundleRefreshHint: parseRefreshHint,
  bundleRate: parseCount,
  xdsAddress: parseAddress,
  proxyListen: parseAddress,
  proxyAdmin: parseAddress,
  output: parseOutput,
  rootTrustDomain: parseRoot,
  trustDomain: parseRoot,
  zones: parseZones,
  identitySecret: parseNames,
  importUrl: parseImportUrl,
  importTrustDomain: parseGrants,
  identityLinger: parseLinger,
  federationMinInterval: parseDuration,
  federationMaxInterval: parseDuration,
  federationMaxAge: parseDuration,
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
  requestTimeout: parseTimeout,
  slowTimeout: parseTimeout,
  keepalive: parseDuration,
  keepaliveTimeout: parseTimeout,
  lostWindow: parseDuration,
  maxConnectionAge: parseConnectionAge,
  proxies: parseCountOrZero,
  timeout: parseDuration,
  leafTtl: parseLeafTtl,
  at: parseSwitchTime,
  force: parseForce,
  disconnectWindow: parseWindow,
  consumerWindow: parseDuration,
  quiet: parseDuration,
  clockSkew: parseDuration,
  sequence: parseSequence,
  refreshHint: parseDuration,
  workers: parseWorkers,
  xdsAuth: parseAuthMethods,
  xdsSpireSocket: parseSocket,
  xdsMaxStreamAge: parseDuration,
  xdsTokenCache: parseDuration,
  cacheBytes: parseCount,
} satisfies Partial<Record<FlagName, Parser>>;

const choices = {
  for: ['introduced', 'removable', 'steady'],
  state: anyProxyStates,
  transport: bootstrapTransports,
  part: bootstrapParts,
  output: outputFormats,
  format: ['pem', 'json', 'spiffe'],
  xdsTransport: ['own', 'grpc-js'],
  as: ['MeshTrust', 'ClusterFederatedTrustDomain'],
  bundleProfile: ['web', 'spiffe'],
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
  : Name extends 'bundleServe'
    ? readonly PublicationRule[]
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
  ).helpGroup(`${groupOf(name)}:`);
  const allowed = choicesOf(name);
  if (allowed !== undefined) option.choices(allowed);
  const parser = parserOf(name);
  if (parser !== undefined) option.argParser(parser);
  if (name === 'server') option.argParser(appendServers);
  if (name === 'bundleServe') option.argParser(appendRules);
  if (name === 'dir') option.argParser(appendPath);
  const parse = option.parseArg;
  // Of the serve flags with a variable, some give an empty value a meaning.
  if (variable === undefined && option.required)
    option.argParser((text: string, before: unknown) => {
      // Nearly always a variable of the shell that is not set: `--mesh "$MESH"` must not select nothing, or all.
      if (text === '') throw new InvalidArgumentError('It is empty.');
      return parse === undefined ? text : parse(text, before);
    });
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
  const urls = text.split(/[\s,]+/).filter((url) => url !== '');
  // With no server at all, every check would pass.
  if (urls.length === 0) throw new InvalidArgumentError('It names no server.');
  return [...given, ...urls];
}

/** Adds a path to the list. It may contain the character that joins paths in the environment. */
function appendPath(path: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...pathsOf([path])];
}

/** Returns the paths of a variable, joined as in PATH. The items of all other lists are separated by commas. */
function splitPaths(text: string): readonly string[] {
  return pathsOf(text.split(delimiter));
}

function pathsOf(paths: readonly string[]): readonly string[] {
  // An empty path never exists, so the server would never be ready.
  if (paths.includes('')) throw new InvalidArgumentError('A path is empty.');
  return paths;
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
    if (option.attributeName() === 'dir') return splitPaths(text);
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
  if (Object.hasOwn(flagsOfCommandLine, name)) return undefined;
  const flags = table[name][0];
  const long = /--([a-z-]+)/.exec(flags)?.[1] ?? name;
  return `MESHTRUST_${long.replaceAll('-', '_').toUpperCase()}`;
}

/** Returns the option `-o` for a command whose `wide` would show the same as `table`. */
export function withoutWide(option: Option): Option {
  const formats = outputFormats.filter((format) => format !== 'wide');
  option.choices(formats).argParser((text) => parseFormat(text, formats));
  option.description = option.description.replace(' wide,', '');
  return option;
}
