import type { RolloutDetail } from '../api/fleet-api-types.ts';
import { count } from './format.ts';

/** Says in one sentence how many proxies have what is served. */
export function rolloutSentence({
  proxies,
  complete,
  converged,
}: Pick<RolloutDetail, 'proxies' | 'complete' | 'converged'>): string {
  const { connected, synced, reconnecting } = proxies;
  const lost = proxies.lost + proxies.forgotten;
  const all = connected + reconnecting + lost;
  const has = (of: string): string => `${synced.toLocaleString('en')} of ${of} have it`;
  if (!complete)
    return `${has(`at least ${count(connected, 'proxy', 'proxies')}`)}: a worker does not answer.`;
  if (all === 0) return 'No proxy is connected.';
  if (lost > 0) return `${has(count(all, 'proxy', 'proxies'))}, ${lost.toLocaleString('en')} lost.`;
  if (converged) return `All ${count(connected, 'proxy', 'proxies')} ${connected === 1 ? 'has' : 'have'} it.`;
  return `${has(count(all, 'proxy', 'proxies'))}.`;
}
