import type { ServerFacts } from './facts.ts';

/** The present time by the clock of a command and by those of servers, in epoch milliseconds. */
export interface Clocks {
  /** Judges whether time has passed: a clock that is ahead must not open a gate early. */
  readonly earliest: number;
  /** Is recorded as the time of a switch: a clock that is behind must not let leaves end early. */
  readonly latest: number;
}

/** Returns the present time. A server that does not say its time has no effect. */
export function readClocks(own: number, servers: readonly ServerFacts[]): Clocks {
  const times = servers.flatMap((server) =>
    server.kind === 'answered' && server.at !== undefined && Number.isFinite(server.at) ? [server.at] : [],
  );
  return { earliest: Math.min(own, ...times), latest: Math.max(own, ...times) };
}
