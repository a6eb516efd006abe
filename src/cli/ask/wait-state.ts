import type { LaggingProxy, RolloutDetail } from '../../api/fleet-api-types.ts';
import { counted } from '../../observe/log/describe-change.ts';

/** What one server says of the mesh that is waited for. */
export type ServerRollout =
  | { readonly kind: 'rollout'; readonly server: string; readonly rollout: RolloutDetail }
  /** Nothing was ever listed for the mesh there. */
  | { readonly kind: 'unlisted'; readonly server: string }
  | { readonly kind: 'unreachable'; readonly server: string; readonly reason: string };

/** How far all servers are together. */
export interface WaitState {
  readonly mesh: string;
  /** The version that is waited for; where none was named, what the servers serve; several if they differ. */
  readonly versions: readonly string[];
  readonly done: boolean;
  /** How many proxies must be connected. */
  readonly expected: number;
  /** Connected proxies of all servers, and how many have it. */
  readonly connected: number;
  readonly acked: number;
  /** Proxies without a connection of which it is not known whether they have it. */
  readonly lost: number;
  readonly servers: readonly ServerState[];
  readonly lagging: readonly (LaggingProxy & { readonly server: string })[];
}

export interface ServerState {
  readonly server: string;
  /** What keeps this server from having it: nothing once all of its proxies do. */
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

/** What is waited for. */
export interface WaitQuestion {
  readonly mesh: string;
  /** Default: what is served. */
  readonly version?: string | undefined;
  /**
   * Proxies of all servers together that must be connected. Default: 1, because a server that has just
   * started has none yet. 0 accepts a mesh without proxies.
   */
  readonly proxies?: number | undefined;
}

/** Sums what servers say. With a version named, a server that has not served it yet is waited for. */
export function judgeWait(
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
    // Replicas that serve different things have not all seen the newest.
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
      // Of the proxies that lack it, those that are connected are not lost.
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

/** One line that says how far it is, and who is missing. */
export function describeWait(state: WaitState): string {
  const { mesh, versions, expected, connected, acked, lost, servers, lagging } = state;
  const what = versions.length === 0 ? 'a version' : versions.join(' or ');
  const gone = lost === 0 ? '' : `, ${lost} lost or reconnecting`;
  const counts = `mesh ${mesh}: ${acked} of ${connected} connected proxies have ${what}${gone}`;
  const missing = lagging.slice(0, namedProxies).map(({ node, address, state, version, message }) => {
    const has = version === undefined ? 'it acknowledged nothing' : `it acknowledged ${version.slice(0, 12)}`;
    const reason = message !== undefined ? `: ${message}` : state === 'lost' ? `, ${has}` : '';
    return `${node === '' ? address : node} (${state}${reason})`;
  });
  // A server does not name all of them.
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

/** Lagging proxies that a line names. */
const namedProxies = 10;

function sum(servers: readonly ServerState[], of: (server: ServerState) => number): number {
  return servers.reduce((total, server) => total + of(server), 0);
}
