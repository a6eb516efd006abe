import { poll } from './poll.ts';

/** Reads the state of a running Envoy from its admin interface. */
export interface EnvoyAdmin {
  /** Body of a path of the admin server; rejects unless it is answered with 200. */
  readonly get: (path: string) => Promise<string>;
  /** All counters and gauges that were touched, by name. */
  readonly stats: () => Promise<ReadonlyMap<string, number>>;
  /** The counter or gauge of that name; 0 while it is untouched. */
  readonly stat: (name: string) => Promise<number>;
  /** Waits until the stat has reached a value, 10 s at most. */
  readonly untilStat: (name: string, atLeast: number) => Promise<void>;
  /** Ports of the listeners `inbound_0`, `inbound_1`, …; undefined while one of them is not bound yet. */
  readonly listenerPorts: (count: number) => Promise<readonly number[] | undefined>;
}

/** A client of the admin server at 127.0.0.1:`port` of the Envoy that `nodeId` names. */
export function createEnvoyAdmin(nodeId: string, port: number): EnvoyAdmin {
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const text = await response.text();
    if (response.status !== 200)
      throw new Error(`${nodeId} answers ${path} with ${response.status}: ${text}`);
    return text;
  };
  const stats = async () => parseStats(await get('/stats?usedonly'));
  const stat = async (name: string) => (await stats()).get(name) ?? 0;
  return {
    get,
    stats,
    stat,
    untilStat: async (name, atLeast) => {
      const reached = async () => ((await stat(name)) >= atLeast ? true : undefined);
      await poll(`${nodeId}: ${name} to reach ${atLeast}`, reached, { timeoutMs: 10_000 });
    },
    listenerPorts: async (count) => parsePorts(await get('/listeners?format=json'), count),
  };
}

/** Lines of `name: value`; histograms and text have values that are no numbers and are left out. */
function parseStats(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const match = /^(?<name>.+): (?<value>\d+)$/.exec(line);
      return match?.groups === undefined
        ? []
        : [[match.groups['name'] ?? '', Number(match.groups['value'])] as const];
    }),
  );
}

interface ListenerStatuses {
  readonly listener_statuses?: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

function parsePorts(json: string, count: number): readonly number[] | undefined {
  const { listener_statuses: statuses = [] } = JSON.parse(json) as ListenerStatuses;
  const ports = Array.from({ length: count }, (_, index) => {
    const status = statuses.find(({ name }) => name === `inbound_${index}`);
    return status?.local_address.socket_address.port_value ?? 0;
  });
  return ports.every((port) => port > 0) ? ports : undefined;
}
