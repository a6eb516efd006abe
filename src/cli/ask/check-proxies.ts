import type { LaggingProxy, RolloutDetail } from '../../api/fleet-api-types.ts';
import { counted } from '../../text/counted.ts';
import { formatDuration } from '../terminal/output.ts';
import { result } from './check-result.ts';
import type { Answered, CheckResult } from './check-result.ts';

/** Checks that the proxies of a server have the served version, and belong to meshes with a MeshTrust. */
export function checkProxies({ rollouts, connected }: Answered): readonly Omit<CheckResult, 'server'>[] {
  const count = (state: LaggingProxy['state']): number =>
    rollouts.reduce((sum, { proxies }) => sum + proxies[state], 0);
  const listed = rollouts.reduce((sum, { proxies }) => sum + proxies.connected, 0);
  const others = connected - listed - count('reconnecting') - count('lost');
  const silent = rollouts.filter(({ complete }) => !complete);
  const forgotten = Math.max(0, ...rollouts.map(({ proxies }) => proxies.forgotten));
  return [
    result('proxies-accept', describeProxies(rollouts, ['refused']), 'failed'),
    result(
      'proxies-current',
      [
        ...silent.map(({ mesh }) => `mesh ${mesh}: a worker does not report its proxies`),
        ...(forgotten > 0
          ? [`${counted(forgotten, 'more proxy')} lost, beyond the number that the server keeps by name`]
          : []),
        ...describeProxies(rollouts, behindStates),
      ],
      // A pending proxy is expected to acknowledge soon.
      silent.length + forgotten + count('stale') + count('lost') > 0 ? 'failed' : 'warning',
    ),
    result(
      'proxies-listed',
      others > 0 ? [`${others} of ${connected} proxies are of a mesh without a MeshTrust`] : [],
      'warning',
    ),
  ];
}

/** States of proxies that do not have the served version, the worst first. */
const behindStates = [
  'lost',
  'stale',
  'reconnecting',
  'pending',
] as const satisfies readonly LaggingProxy['state'][];

/** Names the proxies in these states, and counts the proxies that the server does not name. */
function describeProxies(
  rollouts: readonly RolloutDetail[],
  states: readonly LaggingProxy['state'][],
): readonly string[] {
  const named = rollouts.flatMap(({ mesh, lagging }) =>
    lagging.filter(({ state }) => states.includes(state)).map((proxy) => describeLagging(proxy, mesh)),
  );
  const unnamed = rollouts.flatMap(({ mesh, lagging, proxies }) =>
    states.flatMap((state) => {
      const more = proxies[state] - lagging.filter((proxy) => proxy.state === state).length;
      return more > 0 ? [`mesh ${mesh}: ${more} more ${state}`] : [];
    }),
  );
  return [...named, ...unnamed];
}

function describeLagging(
  { node, address, state, message, version, behindSeconds }: LaggingProxy,
  mesh: string,
): string {
  const id = `${node === '' ? address : node}, mesh ${mesh}`;
  if (state === 'refused') return `${id}: ${message ?? 'rejected without a message'}`;
  const since = behindSeconds === undefined ? '' : ` for ${formatDuration(behindSeconds * 1000)}`;
  const has = version === undefined ? 'nothing' : version.slice(0, 12);
  return `${id}: ${state}${since}${state === 'lost' ? `, last acknowledged ${has}` : ''}`;
}
