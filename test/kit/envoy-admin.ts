import { poll } from './poll.ts';

/** Reads the state of a running Envoy from its admin interface. */
export interface EnvoyAdmin {
  /** Returns the body of a path of the admin server. Rejects unless the status is 200. */
  readonly get: (path: string) => Promise<string>;
  /** Returns all counters and gauges that have a value, by name. */
  readonly stats: () => Promise<ReadonlyMap<string, number>>;
  /** Returns a counter or gauge by name; 0 if it has no value. */
  readonly stat: (name: string) => Promise<number>;
  /** Waits until a stat has reached a value, for at most 10 s. */
  readonly untilStat: (name: string, atLeast: number) => Promise<void>;
  /** Returns the ports of the listeners `inbound_0`, `inbound_1`, …; `undefined` while one of them is not bound. */
  readonly listenerPorts: (count: number) => Promise<readonly number[] | undefined>;
}

/** Creates a client of the admin server at 127.0.0.1:`port`. `nodeId` names the Envoy in errors. */
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

/** Parses lines of `name: value`. Omits histograms and texts, whose values are not numbers. */
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
