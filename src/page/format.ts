import type { RolloutDetail } from '../api/fleet-api-types.ts';

const day = 86_400_000;

/** Returns how far a time is from now: `in 12 d`, `3 h ago`. Times are in epoch milliseconds. */
export function distance(time: number, now: number): string {
  const text = duration(Math.abs(time - now));
  if (text === '0 s') return 'now';
  return time > now ? `in ${text}` : `${text} ago`;
}

/** Returns a duration in its largest unit. */
export function duration(milliseconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['y', 365.25 * day],
    ['d', day],
    ['h', 3_600_000],
    ['min', 60_000],
  ];
  for (const [unit, length] of units) {
    if (milliseconds >= 2 * length || (unit !== 'y' && milliseconds >= length))
      return `${Math.floor(milliseconds / length)} ${unit}`;
  }
  return `${Math.floor(milliseconds / 1000)} s`;
}

/** Returns a time that is counted down, with the two largest units: `29 min 34 s`. */
export function remaining(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** Returns the first characters of a hash, as all of meshtrust shortens it. */
export function short(hash: string): string {
  return hash.slice(0, 16);
}

/** Returns an RFC 3339 time for people: `2026-11-28 14:03:22 UTC`. */
export function absolute(time: string): string {
  const at = new Date(time).toISOString();
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}

/** Returns the day of an RFC 3339 time. */
export function dayOf(time: string): string {
  return time.slice(0, 10);
}

/** Returns a number with its noun: `1 proxy`, `2 proxies`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

/** Returns the name of a resource that lists CAs: a MeshTrust by its name alone, or where else the CAs come from. */
export function resourceText(resource: string): string {
  const { kind, name } = /^(?<kind>meshidentity|superseded):(?<name>[^@]*)/.exec(resource)?.groups ?? {};
  if (kind === undefined) return resource;
  return kind === 'meshidentity' ? `MeshIdentity ${name}` : `MeshIdentity ${name}, before it was replaced`;
}

/** Returns the time of day in UTC: `14:03:22 UTC`. */
export function timeOfDay(time: number): string {
  return `${new Date(time).toISOString().slice(11, 19)} UTC`;
}

/** Returns for how long something has been so: `for 3 min`. `since` is an RFC 3339 time. */
export function sinceText(since: string, now: number): string {
  return `for ${duration(Math.max(0, now - Date.parse(since)))}`;
}

/** Returns the number of proxies for which a roll-out waits: the connected ones, and those that may still run. */
export function countedIn({ connected, reconnecting, lost, forgotten }: RolloutDetail['proxies']): number {
  return connected + reconnecting + lost + forgotten;
}

/** Returns a sentence with the number of proxies that are in sync. */
export function rolloutSentence({ proxies, complete }: Pick<RolloutDetail, 'proxies' | 'complete'>): string {
  const { connected, synced } = proxies;
  const lost = proxies.lost + proxies.forgotten;
  const all = countedIn(proxies);
  const has = (of: string): string => `${synced.toLocaleString('en')} of ${of} in sync`;
  if (!complete)
    return `${has(`at least ${count(connected, 'proxy', 'proxies')}`)}: a worker does not answer.`;
  if (all === 0) return 'No proxy is connected.';
  if (lost > 0) return `${has(count(all, 'proxy', 'proxies'))}, ${lost.toLocaleString('en')} lost.`;
  return `${has(count(all, 'proxy', 'proxies'))}.`;
}

/** Returns how many proxies of all meshes are in sync; undefined if no roll-out is known. */
export function syncText(rollouts: readonly Pick<RolloutDetail, 'proxies'>[]): string | undefined {
  if (rollouts.length === 0) return undefined;
  const total = (of: (proxies: RolloutDetail['proxies']) => number): number =>
    rollouts.reduce((sum, { proxies }) => sum + of(proxies), 0);
  // Each roll-out has the same number of forgotten proxies: those of all meshes.
  const forgotten = Math.max(...rollouts.map(({ proxies }) => proxies.forgotten));
  const all = total(({ connected, reconnecting, lost }) => connected + reconnecting + lost) + forgotten;
  if (all === 0) return 'no proxy is connected';
  const synced = total((proxies) => proxies.synced);
  return `${synced.toLocaleString('en')} of ${count(all, 'proxy', 'proxies')} in sync`;
}
