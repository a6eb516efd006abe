import type { ServerDetail, XdsAuthenticationDetail } from '../../api/server-api-types.ts';

/** The result of the check of a server's authentication of proxies. */
interface AuthenticationResult {
  readonly check: 'proxies-judged';
  readonly verdict: 'ok' | 'warning';
  readonly details: readonly string[];
}

/** Checks that tokens are judged again: a stream can last for weeks, and its token for an hour. */
export function checkAuthentication({ xdsAuthentication: auth }: ServerDetail): AuthenticationResult {
  const problem = auth?.methods.includes('token') === true ? problemOf(auth) : undefined;
  return problem === undefined
    ? { check: 'proxies-judged', verdict: 'ok', details: [] }
    : { check: 'proxies-judged', verdict: 'warning', details: [problem] };
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
  return `a proxy is judged again after ${age} s, but tokens are valid for ${tokenLifeSeconds} s: it keeps its stream after its token has expired`;
}
