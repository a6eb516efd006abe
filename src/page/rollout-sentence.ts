import type { RolloutDetail } from '../api/fleet-api-types.ts';
import { count } from './format.ts';

/** Returns a sentence with the number of proxies that are in sync. */
export function rolloutSentence({ proxies, complete }: Pick<RolloutDetail, 'proxies' | 'complete'>): string {
  const { connected, synced, reconnecting } = proxies;
  const lost = proxies.lost + proxies.forgotten;
  const all = connected + reconnecting + lost;
  const has = (of: string): string => `${synced.toLocaleString('en')} of ${of} in sync`;
  if (!complete)
    return `${has(`at least ${count(connected, 'proxy', 'proxies')}`)}: a worker does not answer.`;
  if (all === 0) return 'No proxy is connected.';
  if (lost > 0) return `${has(count(all, 'proxy', 'proxies'))}, ${lost.toLocaleString('en')} lost.`;
  return `${has(count(all, 'proxy', 'proxies'))}.`;
}
