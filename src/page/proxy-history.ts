import type { ProxyDetail } from '../api/fleet-api-types.ts';

/** Something that happened to a proxy. */
export interface ProxyMoment {
  /** RFC 3339. */
  readonly at: string;
  readonly what: string;
  readonly isBad: boolean;
}

/**
 * Returns what the server remembers of a proxy, newest first: the last push and ACK of each secret, not all of them.
 */
export function historyOf({
  connectedAt,
  disconnectedAt,
  behindSince,
  lastNack,
  streams,
}: ProxyDetail): readonly ProxyMoment[] {
  const moments: ProxyMoment[] = [{ at: connectedAt, what: 'connected', isBad: false }];
  const add = (at: string | undefined, what: string, isBad = false): void => {
    if (at !== undefined) moments.push({ at, what, isBad });
  };
  for (const { transport, openedAt, endedAt, ending, secrets } of streams) {
    add(openedAt, `opened a stream (${transport})`);
    const end = ending === 'server' ? 'the server ended a stream' : 'a stream broke';
    add(endedAt, `${end} (${transport})`, true);
    for (const { name, sentAt, sentVersion, ackedAt, ackedVersion } of secrets) {
      add(sentAt, `was sent ${name}, version ${shortOf(sentVersion)}`);
      add(ackedAt, `acknowledged ${name}, version ${shortOf(ackedVersion)}`);
    }
  }
  add(behindSince, 'fell behind the served version', true);
  add(lastNack?.at, `rejected ${lastNack?.secret ?? ''}: ${lastNack?.message ?? ''}`, true);
  add(disconnectedAt, 'its last connection ended', behindSince !== undefined);
  return moments.toSorted((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}

function shortOf(version: string | undefined): string {
  return version === undefined ? 'unknown' : version.slice(0, 16);
}
