import type { LaggingProxy, RolloutDetail } from '../../api/fleet-api-types.ts';
import { counted } from '../../text/counted.ts';

/** The answer of one server about the mesh that the command waits for. */
export type ServerRollout =
  | { readonly kind: 'rollout'; readonly server: string; readonly rollout: RolloutDetail }
  /** The server does not know the mesh: no MeshTrust ever listed it. */
  | { readonly kind: 'unlisted'; readonly server: string }
  | { readonly kind: 'unreachable'; readonly server: string; readonly reason: string };

/** The progress of all servers together. */
export interface WaitState {
  readonly mesh: string;
  /** The given version; without one, the versions that the servers serve: several if they differ. */
  readonly versions: readonly string[];
  readonly done: boolean;
  /** Minimum number of connected proxies. */
  readonly expected: number;
  /** Connected proxies of all servers, and how many of them have acknowledged the version. */
  readonly connected: number;
  readonly acked: number;
  /** Proxies without a connection that have not acknowledged the version. */
  readonly lost: number;
  readonly servers: readonly ServerState[];
  readonly lagging: readonly (LaggingProxy & { readonly server: string })[];
}

export interface ServerState {
  readonly server: string;
  /** The first reason why this server is not done; `nothing` once all of its proxies have the version. */
  readonly waitingFor:
    | 'nothing'
    | 'proxies'
    | 'the version'
    | 'the mesh'
    | 'an answer'
    | 'all its workers'
    | 'lost proxies that it does not name';
  readonly version?: string | undefined;
  readonly connected: number;
  readonly acked: number;
  readonly lost: number;
}

/** The condition that the command waits for. */
export interface WaitQuestion {
  readonly mesh: string;
  /** Default: the served version. */
  readonly version?: string | undefined;
  /**
   * Minimum number of connected proxies of all servers together. Default: 1, because a server that has just started
   * has none yet. 0 accepts a mesh without proxies.
   */
  readonly proxies?: number | undefined;
}

/** Sums up the answers of the servers. If a version is given, servers that have not served it yet are waited for. */
export function assessWait(
  { mesh, version, proxies = 1 }: WaitQuestion,
  answers: readonly ServerRollout[],
): WaitState {
  const rollouts = answers.flatMap((answer) => (answer.kind === 'rollout' ? [answer] : []));
  const servers = answers.map((answer) => stateOf(answer));
  const versions =
    version === undefined ? [...new Set(rollouts.map(({ rollout }) => rollout.version))] : [version];
  const connected = sum(servers, (server) => server.connected);
  return {
    mesh,
    versions,
    // If replicas serve different versions, some have not read the newest resources yet.
    done:
      versions.length === 1 &&
      connected >= proxies &&
      servers.every(({ waitingFor }) => waitingFor === 'nothing'),
    expected: proxies,
    connected,
    acked: sum(servers, ({ acked }) => acked),
    lost: sum(servers, ({ lost }) => lost),
    servers,
    lagging: rollouts.flatMap(({ server, rollout }) =>
      rollout.lagging.map((proxy) => ({ ...proxy, server })),
    ),
  };
}

function stateOf(answer: ServerRollout): ServerState {
  const { server } = answer;
  switch (answer.kind) {
    case 'unreachable':
      return { server, waitingFor: 'an answer', connected: 0, acked: 0, lost: 0 };
    case 'unlisted':
      return { server, waitingFor: 'the mesh', connected: 0, acked: 0, lost: 0 };
    case 'rollout': {
      const { version, asked, proxies } = answer.rollout;
      const waitingFor = waitingForOf(answer.rollout);
      const { connected } = proxies;
      const acked = asked.proxies;
      // Lacking proxies are connected or lost.
      const lost = asked.known ? asked.lacking - (connected - acked) : 0;
      return { server, waitingFor, version, connected, acked, lost };
    }
  }
}

function waitingForOf({ asked, proxies, complete }: RolloutDetail): ServerState['waitingFor'] {
  if (!asked.known) return 'the version';
  if (asked.lacking > 0) return 'proxies';
  if (!complete) return 'all its workers';
  return proxies.forgotten > 0 ? 'lost proxies that it does not name' : 'nothing';
}

/** Returns one line with the progress and the proxies that lag. */
export function describeWait(state: WaitState): string {
  const { mesh, versions, expected, connected, acked, lost, servers, lagging } = state;
  const what = versions.length === 0 ? 'a version' : versions.join(' or ');
  const gone = lost === 0 ? '' : `, ${lost} lost or reconnecting`;
  const counts = `mesh ${mesh}: ${acked} of ${connected} connected proxies have ${what}${gone}`;
  const missing = lagging.slice(0, namedProxies).map(({ node, address, state, version, message }) => {
    const has = `last acknowledged ${version?.slice(0, 12) ?? 'nothing'}`;
    const reason = message !== undefined ? `: ${message}` : state === 'lost' ? `, ${has}` : '';
    return `${node === '' ? address : node} (${state}${reason})`;
  });
  // A server names only some of the lagging proxies.
  const lacking = sum(
    servers.filter(({ waitingFor }) => waitingFor === 'proxies'),
    (server) => server.connected - server.acked + server.lost,
  );
  const more = lacking > missing.length ? [`and ${lacking - missing.length} more`] : [];
  const others = servers
    .filter(({ waitingFor }) => waitingFor !== 'nothing' && waitingFor !== 'proxies')
    .map(({ server, waitingFor }) => `${waitingFor} at ${server}`);
  const differ = versions.length > 1 ? ['servers to agree'] : [];
  const absent = connected < expected ? [`${counted(expected - connected, 'more proxy')} to connect`] : [];
  const waiting = [...missing, ...more, ...absent, ...others, ...differ];
  return waiting.length === 0 ? counts : `${counts}; waiting for ${waiting.join(', ')}`;
}

/** Maximum number of lagging proxies that a line names. */
const namedProxies = 10;

function sum(servers: readonly ServerState[], of: (server: ServerState) => number): number {
  return servers.reduce((total, server) => total + of(server), 0);
}
