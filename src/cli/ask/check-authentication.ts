import type { XdsAuthenticationDetail } from '../../api/server-api-types.ts';
import { result } from './check-result.ts';
import type { Answered, CheckResult } from './check-result.ts';

/** Checks how a server authenticates proxies. */
export function checkAuthentication(facts: Answered): readonly Omit<CheckResult, 'server'>[] {
  const { xdsAuthentication: auth } = facts.detail;
  // A stream can last for weeks, and its token for an hour.
  const problem = auth?.methods.includes('token') === true ? problemOf(auth) : undefined;
  return [
    result('proxies-judged', problem === undefined ? [] : [problem], 'warning'),
    result('proxies-limited', auth === undefined ? [] : unlimited(auth, facts), 'warning'),
  ];
}

/** Returns the meshes whose clients can use any node id. Unauthenticated clients were chosen explicitly. */
function unlimited(
  { methods, beyondHost, rules, meshesWithNodeRules }: XdsAuthenticationDetail,
  { meshes }: Pick<Answered, 'meshes'>,
): readonly string[] {
  if (!beyondHost || methods.includes('none')) return [];
  if (!rules)
    return [
      'every client with a credential may use any node id of any mesh, with --tls-client-trust also clients of federated trust domains',
    ];
  if (meshesWithNodeRules === undefined) return [];
  const limited = new Set(meshesWithNodeRules);
  return meshes
    .filter(({ name }) => !limited.has(name))
    .map(({ name }) => `mesh ${name}: the access rules do not limit the node ids of every client`);
}

function problemOf({
  connectionAgeSeconds,
  streamAgeSeconds = 0,
  tokenLifeSeconds,
}: XdsAuthenticationDetail): string | undefined {
  const ages = [connectionAgeSeconds, streamAgeSeconds].filter((age) => age > 0);
  if (ages.length === 0) return 'a proxy keeps its stream after its token has expired or its pod was deleted';
  const age = Math.min(...ages);
  if (tokenLifeSeconds === undefined || age <= tokenLifeSeconds) return undefined;
  return `a proxy is checked again after ${age} s, but tokens are valid for ${tokenLifeSeconds} s: it keeps its stream after its token has expired`;
}
