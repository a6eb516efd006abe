import type { LaggingProxy, RolloutDetail } from '../admin/fleet-api-types.ts';

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
  /** Connected proxies of all servers, and how many have it. */
  readonly connected: number;
  readonly acked: number;
  readonly servers: readonly ServerState[];
  readonly lagging: readonly (LaggingProxy & { readonly server: string })[];
}

export interface ServerState {
  readonly server: string;
  /** What keeps this server from having it: nothing once all of its proxies do. */
  readonly waitingFor: 'nothing' | 'proxies' | 'the version' | 'the mesh' | 'an answer';
  readonly version?: string | undefined;
  readonly connected: number;
  readonly acked: number;
}

/** Sums what servers say. With a version named, a server that has not served it yet is waited for. */
export function judgeWait(
  mesh: string,
  version: string | undefined,
  answers: readonly ServerRollout[],
): WaitState {
  const rollouts = answers.flatMap((answer) => (answer.kind === 'rollout' ? [answer] : []));
  const servers = answers.map((answer) => stateOf(answer));
  const versions =
    version === undefined ? [...new Set(rollouts.map(({ rollout }) => rollout.version))] : [version];
  return {
    mesh,
    versions,
    // Replicas that serve different things have not all seen the newest.
    done: versions.length === 1 && servers.every(({ waitingFor }) => waitingFor === 'nothing'),
    connected: sum(servers, ({ connected }) => connected),
    acked: sum(servers, ({ acked }) => acked),
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
      return { server, waitingFor: 'an answer', connected: 0, acked: 0 };
    case 'unlisted':
      return { server, waitingFor: 'the mesh', connected: 0, acked: 0 };
    case 'rollout': {
      const { version, asked, proxies } = answer.rollout;
      const waitingFor = !asked.known
        ? 'the version'
        : asked.proxies < proxies.connected
          ? 'proxies'
          : 'nothing';
      return { server, waitingFor, version, connected: proxies.connected, acked: asked.proxies };
    }
  }
}

/** One line that says how far it is, and who is missing. */
export function describeWait({ mesh, versions, connected, acked, servers, lagging }: WaitState): string {
  const what = versions.length === 0 ? 'a version' : versions.join(' or ');
  const counts = `mesh ${mesh}: ${acked} of ${connected} connected proxies have ${what}`;
  const missing = lagging.slice(0, namedProxies).map(({ node, address, state, message }) => {
    const reason = message === undefined ? '' : `: ${message}`;
    return `${node === '' ? address : node} (${state}${reason})`;
  });
  const more = lagging.length > namedProxies ? [`and ${lagging.length - namedProxies} more`] : [];
  const others = servers
    .filter(({ waitingFor }) => waitingFor !== 'nothing' && waitingFor !== 'proxies')
    .map(({ server, waitingFor }) => `${waitingFor} at ${server}`);
  const differ = versions.length > 1 ? ['servers to agree'] : [];
  const waiting = [...missing, ...more, ...others, ...differ];
  return waiting.length === 0 ? counts : `${counts}; waiting for ${waiting.join(', ')}`;
}

/** Lagging proxies that a line names. */
const namedProxies = 10;

function sum(servers: readonly ServerState[], of: (server: ServerState) => number): number {
  return servers.reduce((total, server) => total + of(server), 0);
}
