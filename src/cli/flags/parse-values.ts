import { InvalidArgumentError } from 'commander';
import { xdsAuthMethods } from '../../runtime/serve-options.ts';
import type { IdentityOptions, NamespacedName, XdsAuthMethod } from '../../runtime/serve-options.ts';
import { parsePublicationRule } from '../../trust/federation/publication-rule.ts';
import type { PublicationRule } from '../../trust/federation/publication-rule.ts';
import { parseMark } from '../../trust/model/rotation-values.ts';
import { parseTrustDomain } from '../../trust/model/trust-domain.ts';
import { gateCatalogue, neverForced, parseGate } from '../../trust/rotation/gate-catalogue.ts';
import type { GateId } from '../../trust/rotation/gate-catalogue.ts';
import { rotationKeys } from '../../trust/rotation-keys.ts';
import { formatTime } from '../../text/format-time.ts';
import { isLoopbackHost, parseListenAddress } from '../../net/listen-address.ts';
import { longestConnectionAgeMs } from '../../xds/timers/timers.ts';
import { outputFormats } from '../terminal/output-format.ts';
import type { OutputFormat } from '../terminal/output-format.ts';

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

/** Parses a time-out. With 0, a server would end every connection or stream at once, and proxies would get no trust. */
export function parseTimeout(text: string): number {
  const timeout = parseDuration(text);
  if (timeout === 0) throw new InvalidArgumentError('Give more than 0; for no time-out in practice, 87600h.');
  return timeout;
}

/** Parses a duration that grpc-js supports: with a longer one it would close each connection at once. */
export function parseConnectionAge(text: string): number {
  const age = parseDuration(text);
  if (age > longestConnectionAgeMs) throw new InvalidArgumentError('Give at most 480h (20 days).');
  return age;
}

/** Parses `auto`, `forever`, or a duration. */
export function parseLinger(text: string): IdentityOptions['linger'] {
  if (text === 'auto') return { kind: 'leaves' };
  if (text === 'forever') return { kind: 'forever' };
  return { kind: 'fixed', ms: parseDuration(text) };
}

export function parseZones(text: string): readonly string[] {
  const zones = text.split(',').map((zone) => zone.trim());
  if (zones.some((zone) => !/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(zone)))
    throw new InvalidArgumentError('Give names of zones, such as zone-1,zone-2.');
  return [...new Set(zones)];
}

/** Parses the refresh hint of bundles. Consumers poll in about this time, so it bounds how long a removed CA stays. */
export function parseRefreshHint(text: string): number {
  const hint = parseDuration(text);
  if (hint < 60_000 || hint > 24 * 3_600_000)
    throw new InvalidArgumentError('Give a duration from 60s to 24h.');
  return hint;
}

/** Adds publication rules to the list. They are separated by spaces or commas. */
export function appendRules(
  text: string,
  before: readonly PublicationRule[] | undefined,
): readonly PublicationRule[] {
  const rules = text
    .split(/[\s,]+/)
    .filter((name) => name !== '')
    .map(parsePublicationRule);
  const [problem] = rules.filter((rule) => typeof rule === 'string');
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return distinct(
    [...(before ?? []), ...rules.filter((rule) => typeof rule !== 'string')],
    ({ mesh, trustDomain }) => `${mesh}/${trustDomain}`,
  );
}

/** Parses `unix:PATH`. Returns the path. */
export function parseSocket(text: string): string {
  const address = text.startsWith('unix:') ? parseListenAddress(text) : undefined;
  if (address?.kind !== 'unix') throw new InvalidArgumentError('Give unix:PATH.');
  return address.path;
}

/** Parses ways to authenticate, separated by commas. */
export function parseAuthMethods(text: string): readonly XdsAuthMethod[] {
  const names = new Set(text.split(',').map((name) => name.trim()));
  const methods = xdsAuthMethods.filter((method) => names.has(method));
  if (methods.length !== names.size)
    throw new InvalidArgumentError('Give mtls, token or none, such as mtls,token.');
  return methods;
}

export function parseSwitch(text: string): boolean {
  if (/^(?:true|yes|on|1)$/i.test(text)) return true;
  if (/^(?:false|no|off|0)$/i.test(text)) return false;
  throw new InvalidArgumentError('Give true or false.');
}

export function parseAddress(text: string): string {
  try {
    parseListenAddress(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

export function parseOutput(text: string): OutputFormat {
  return parseFormat(text, outputFormats);
}

/** Parses a value of `-o`. `text` is another name of `table`. */
export function parseFormat(text: string, formats: readonly OutputFormat[]): OutputFormat {
  const format = formats.find((known) => known === (text === 'text' ? 'table' : text));
  if (format === undefined) throw new InvalidArgumentError(`Allowed choices are ${formats.join(', ')}.`);
  return format;
}

/**
 * Parses the name of a namespace (RFC 1123 label). An empty name must not reach the API server: it reads
 * `/namespaces//meshtrusts` as those of all namespaces.
 */
export function parseNamespace(text: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('Give the name of a namespace, such as kuma-system.');
}

/** Parses the name of an object of the cluster (RFC 1123 subdomain). */
export function parseObjectName(text: string): string {
  const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
  // 253 characters, less the suffix of the second Lease.
  if (text.length <= 244 && new RegExp(`^${label}(?:\\.${label})*$`).test(text)) return text;
  throw new InvalidArgumentError('Give the name of an object, such as meshtrust.');
}

/**
 * Parses `namespace/name` pairs, separated by commas, and adds them to those of an earlier flag. An object that is
 * named twice is watched once.
 */
export function parseNames(text: string, before?: unknown): readonly NamespacedName[] {
  const names = text.split(',').map((pair) => {
    const { namespace, name } =
      /^\s*(?<namespace>[a-z0-9][a-z0-9-]{0,62})\/(?<name>[a-z0-9][a-z0-9.-]{0,252})\s*$/.exec(pair)
        ?.groups ?? {};
    if (namespace === undefined || name === undefined)
      throw new InvalidArgumentError('Give a namespace and a name, such as kuma-system/identity-root-ca.');
    return { namespace, name };
  });
  return distinct(
    [...(Array.isArray(before) ? (before as readonly NamespacedName[]) : []), ...names],
    ({ namespace, name }) => `${namespace}/${name}`,
  );
}

/** Returns the values without those whose key an earlier one has. */
function distinct<T>(values: readonly T[], keyOf: (value: T) => string): readonly T[] {
  const first = new Map<string, T>();
  for (const value of values) if (!first.has(keyOf(value))) first.set(keyOf(value), value);
  return [...first.values()];
}

/** Parses the URL of a REST API. Plain HTTP is for loopback only: anyone on the way could add CA certificates. */
export function parseImportUrl(text: string): string {
  const url = URL.parse(text);
  const isPlain = url?.protocol === 'http:' && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''));
  if (url === null || (url.protocol !== 'https:' && !isPlain) || url.search !== '' || url.hash !== '')
    throw new InvalidArgumentError('Give an address such as https://global.example:5682.');
  return text;
}

/** Parses `zone=trust domain` pairs, separated by commas, and adds them to those of an earlier flag. */
export function parseGrants(text: string, before?: unknown): ReadonlyMap<string, ReadonlySet<string>> {
  const grants = new Map(before instanceof Map ? (before as ReadonlyMap<string, ReadonlySet<string>>) : []);
  for (const pair of text.split(',')) {
    const { zone = '', name = '' } = /^\s*(?<zone>[^=\s]+)=(?<name>\S+)\s*$/.exec(pair)?.groups ?? {};
    const parsed = parseTrustDomain(name);
    if (zone === '' || parsed.kind === 'invalid')
      throw new InvalidArgumentError('Give a zone and a trust domain, such as zone-2=partner.example.');
    grants.set(zone, new Set([...(grants.get(zone) ?? []), parsed.name]));
  }
  return grants;
}

export function parseRoot(text: string): string {
  const parsed = parseTrustDomain(text);
  if (parsed.kind === 'invalid') throw new InvalidArgumentError(`It ${parsed.reason}.`);
  return parsed.name;
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('Give a whole number above zero.');
  return Number(text);
}

/** Parses a count where zero is allowed. */
export function parseCountOrZero(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

export function parseSequence(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** Machines have no cores for more processes than this, and each process needs memory. */
const mostWorkers = 64;

export function parseWorkers(text: string): number {
  const workers = parseCount(text);
  if (workers > mostWorkers) throw new InvalidArgumentError(`Give at most ${mostWorkers}.`);
  return workers;
}

/** Parses the longest lifetime of a leaf. Returns the text, which is written into an annotation. */
export function parseLeafTtl(text: string): string {
  if (parseMark(rotationKeys.leafTtl, text) === undefined)
    throw new InvalidArgumentError('Give a duration such as 24h or 30m, of at most ten years.');
  return text;
}

/** Parses a time by RFC 3339. Returns it in UTC, without fractions of a second. */
export function parseSwitchTime(text: string): string {
  const time = parseMark(rotationKeys.switchedAt, text);
  if (typeof time !== 'number') throw new InvalidArgumentError('Give a time such as 2026-11-28T03:00:00Z.');
  // Rounded up: leaves that the old CA issued in that second count.
  return formatTime(Math.ceil(time / 1000) * 1000);
}

/** Parses a duration of at most an hour: a server does not know for longer which proxies left. */
export function parseWindow(text: string): number {
  const window = parseDuration(text);
  if (window > 3_600_000) throw new InvalidArgumentError('Give at most 1h.');
  return window;
}

/** Adds a gate, by its id or code, to those that are passed by force. */
export function parseForce(text: string, before: readonly GateId[] = []): readonly GateId[] {
  const id = parseGate(text);
  if (id === undefined) throw new InvalidArgumentError('Give the code or id of one gate, such as R24.');
  if (neverForced.has(id))
    throw new InvalidArgumentError(`Gate ${id} ${gateCatalogue[id]} cannot be passed by force.`);
  return [...before, id];
}
