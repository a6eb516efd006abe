import type { AnsweredFacts } from './facts.ts';

/** Returns whether a server does not serve a listed CA because it is on the distrust list. */
export function distrusts({ distrusted = [], cas }: AnsweredFacts, fingerprint: string): boolean {
  return distrusted.includes(fingerprint) && !cas.some((ca) => ca.fingerprint === fingerprint);
}

/**
 * Returns whether all servers distrust a CA, so that proxies with their newest version refuse its leaves. One server
 * that does not say so is enough for its leaves to count.
 */
export function isDistrusted(fingerprint: string, answered: readonly AnsweredFacts[]): boolean {
  return answered.length > 0 && answered.every((server) => distrusts(server, fingerprint));
}
