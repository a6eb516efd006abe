import { hash } from 'node:crypto';
import type { Fleet, FleetLook } from '../fleet/fleet.ts';
import { assess, assessGone, heldVersion } from '../fleet/assess.ts';
import { identityOf } from '../fleet/records.ts';
import type { GoneRecord, ProxyRecord } from '../fleet/records.ts';
import { assessRollout } from '../fleet/rollout.ts';
import { anyProxyStates } from '../api/fleet-api-types.ts';
import type { AnyProxyState, ProxyDetail, ProxyList, ProxySummary } from '../api/fleet-api-types.ts';
import { presentAny, presentProxyDetail, presentRollout } from '../api/present-fleet.ts';
import type { FleetContext } from '../api/present-fleet.ts';
import { errorReply, jsonReply, unknownMesh } from './reply.ts';
import type { Route } from './router.ts';
import type { StateView } from '../runtime/state-view.ts';
import { compareText } from '../text/compare-text.ts';

/** The sources of the responses about proxies. */
export interface FleetInput {
  readonly fleet: Fleet;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly view?: (() => Pick<StateView, 'readiness'>) | undefined;
}

/** Number of proxies on a page: by default, and at most. */
const pageSize = { usual: 500, most: 2_000 } as const;
/** Number of lagging proxies that a roll-out names. */
const mostLagging = 100;

/** Length of a proxy's key. Proxies whose keys are equal up to this length have no defined order. */
const longestKey = 512;

interface Filters {
  readonly mesh: string | undefined;
  /** Undefined for all that roll-outs count. */
  readonly states: ReadonlySet<AnyProxyState> | undefined;
  /** Part of the node id. */
  readonly node: string;
  /** Part of the authenticated identity. */
  readonly identity: string;
  /** Beginning of the newest version of its mesh that a proxy has acknowledged. */
  readonly version: string | undefined;
  /** Names of secrets: only proxies that subscribed to one of them. Undefined for all proxies. */
  readonly secrets: ReadonlySet<string> | undefined;
  readonly limit: number;
  /** Key of the last proxy of the previous page. */
  readonly after: string;
}

/** Returns the routes for proxies and for the roll-out of each mesh. */
export function fleetRoutes({ fleet, wall, view }: FleetInput): readonly Route[] {
  const contextNow = (): FleetContext => ({ history: fleet.history, now: wall() });
  return [
    {
      method: 'GET',
      pattern: '/api/v1/proxies',
      answer: async (_, query) => {
        const filters = readFilters(query);
        if (typeof filters === 'string') return errorReply('bad-request', filters);
        const look = await fleet.look(filters.mesh);
        const context = contextNow();
        const shown = page(fitting(look, filters, context), filters, (proxy) => presentAny(proxy, context));
        return jsonReply({ ...shown, complete: look.complete } satisfies ProxyList);
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/proxies/{node}',
      answer: async ([node = ''], query) => {
        const mesh = query.get('mesh') ?? undefined;
        const { connected, gone, complete } = await fleet.look(mesh);
        const found = [...connected].filter((proxy) => proxy.node === node);
        // One node ID in two meshes is rare: the caller names the mesh, or gets the proxy that connected last.
        const [proxy, ...others] = found.toSorted((a, b) => b.since - a.since);
        if (proxy !== undefined) {
          const alsoIn = others.length === 0 ? undefined : others.map((other) => other.mesh).sort();
          return jsonReply({ ...presentProxyDetail(proxy, contextNow()), alsoIn } satisfies ProxyDetail);
        }
        if (!complete) {
          return errorReply('incomplete', `a worker does not answer, and ${node} may be one of its proxies`);
        }
        const left = [...gone].findLast(
          (other) => other.node === node && (mesh === undefined || other.mesh === mesh),
        );
        if (left !== undefined) return jsonReply(presentProxyDetail(left, contextNow()));
        return errorReply('unknown-proxy', `proxy ${node} is not connected, and has not been lately`);
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/meshes/{mesh}/rollout',
      answer: async ([mesh = ''], query) => {
        const look = await fleet.look(mesh);
        const { history, now } = contextNow();
        const version = query.get('version') ?? undefined;
        const rollout = assessRollout(look, history, { mesh, version, mostLagging, now });
        if (rollout !== undefined) return jsonReply(presentRollout(rollout, now));
        return unknownMesh(mesh, view?.().readiness);
      },
    },
  ];
}

function readFilters(query: URLSearchParams): Filters | string {
  const limit = query.get('limit') ?? String(pageSize.usual);
  if (!/^[1-9]\d{0,5}$/.test(limit)) return 'limit is not a whole number above zero';
  const given = query.getAll('state');
  const states = new Set(anyProxyStates.filter((known) => given.includes(known)));
  if (states.size < new Set(given).size) return `state is not one of ${anyProxyStates.join(', ')}`;
  const isOfGone = states.size === 1 && states.has('disconnected');
  const secrets = query.getAll('secret');
  if (secrets.length > 0 && isOfGone)
    return 'a disconnected proxy has no subscriptions: state=disconnected and secret exclude each other';
  const version = query.get('version') ?? undefined;
  if (version !== undefined && isOfGone)
    return 'a disconnected proxy has no version: state=disconnected and version exclude each other';
  return {
    mesh: query.get('mesh') ?? undefined,
    states: states.size === 0 ? undefined : states,
    node: query.get('node') ?? '',
    identity: query.get('identity') ?? '',
    version,
    secrets: secrets.length === 0 ? undefined : new Set(secrets),
    limit: Math.min(Number(limit), pageSize.most),
    after: Buffer.from(query.get('after') ?? '', 'base64url').toString('utf16le'),
  };
}

/** Returns the proxies that the filters select: without a state, all that roll-outs count. */
function fitting(
  { connected, gone }: FleetLook,
  { states, version, secrets }: Filters,
  { history, now }: FleetContext,
): readonly (ProxyRecord | GoneRecord)[] {
  const hasVersion = (proxy: ProxyRecord | GoneRecord): boolean =>
    version === undefined || heldVersion(proxy, history)?.version.startsWith(version) === true;
  const there = [...connected].filter(
    (proxy) =>
      (secrets === undefined || asksForOne(proxy, secrets)) &&
      (states === undefined || states.has(assess(proxy, history, now).state)) &&
      hasVersion(proxy),
  );
  // A proxy without a stream has no subscriptions.
  if (secrets !== undefined) return there;
  const left = [...gone].filter((proxy) => {
    const found = assessGone(proxy, history, now)?.state ?? 'disconnected';
    return (states === undefined ? found !== 'disconnected' : states.has(found)) && hasVersion(proxy);
  });
  return [...there, ...left];
}

function asksForOne({ streams }: ProxyRecord, names: ReadonlySet<string>): boolean {
  for (const stream of streams) for (const name of stream.secrets.keys()) if (names.has(name)) return true;
  return false;
}

/** Presents one page. All other proxies cost a comparison of their keys only. */
function page<Item extends ProxyRecord | GoneRecord>(
  all: readonly Item[],
  { mesh, node, identity, limit, after }: Filters,
  present: (item: Item) => ProxySummary,
): Omit<ProxyList, 'complete'> {
  const matching = all
    .filter((item) => (mesh === undefined || item.mesh === mesh) && item.node.includes(node))
    .filter((item) => identity === '' || identityOf(item)?.includes(identity) === true)
    .map((item): Keyed<Item> => [keyOf(item), item]);
  const rest = after === '' ? matching : matching.filter(([key]) => key > after);
  const shown = firstByKey(rest, limit);
  const last = shown.at(-1)?.[0];
  return {
    proxies: shown.map(([, item]) => present(item)),
    total: matching.length,
    // Not UTF-8, which has no form for half of a surrogate pair.
    next:
      shown.length === rest.length || last === undefined
        ? undefined
        : Buffer.from(last, 'utf16le').toString('base64url'),
  };
}

type Keyed<Item> = readonly [key: string, item: Item];

/** Returns the first items in the order of their keys. Does not sort the others, which would take most of the time. */
function firstByKey<Item>(items: readonly Keyed<Item>[], count: number): readonly Keyed<Item>[] {
  const first: Keyed<Item>[] = [];
  let bound: string | undefined;
  for (const item of items) {
    if (bound !== undefined && item[0] >= bound) continue;
    first.push(item);
    if (first.length < 2 * count) continue;
    first.sort(byKey);
    first.length = count;
    bound = first.at(-1)?.[0];
  }
  return first.sort(byKey).slice(0, count);
}

function byKey([a]: Keyed<unknown>, [b]: Keyed<unknown>): number {
  return compareText(a, b);
}

/**
 * Returns a key that is the same on each page. A stream without a node ID has its own number, which is unique in its
 * worker, and the address of its connection. The key is part of the URL of the next page, so it cannot contain all of
 * a long node ID.
 */
function keyOf(item: ProxyRecord | GoneRecord): string {
  const [first] = item.streams;
  const stream = first === undefined ? '' : `${first.info.id} ${first.info.address}`;
  const key = `${item.mesh}\0${item.node}\0${item.node === '' ? stream : ''}`;
  return key.length <= longestKey ? key : `${key.slice(0, longestKey)}\0${hash('sha256', key)}`;
}
