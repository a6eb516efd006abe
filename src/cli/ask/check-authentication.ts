import type { ServerDetail } from '../../api/server-api-types.ts';

/** The result of the check of a server's authentication of proxies. */
interface AuthenticationResult {
  readonly check: 'proxies-judged';
  readonly verdict: 'ok' | 'warning';
  readonly details: readonly string[];
}

/** Checks that tokens are judged again: a stream can last for weeks, and its token for an hour. */
export function checkAuthentication({ xdsAuthentication: auth }: ServerDetail): AuthenticationResult {
  const isForever = auth?.methods.includes('token') === true && auth.connectionAgeSeconds === 0;
  return isForever
    ? {
        check: 'proxies-judged',
        verdict: 'warning',
        details: ['a proxy keeps its stream after its token has expired or its pod was deleted'],
      }
    : { check: 'proxies-judged', verdict: 'ok', details: [] };
}
