import { formatTime } from '../../text/format-time.ts';
import type { GateInput, ServerFacts } from './facts.ts';

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

/**
 * Returns the present time as a command records it (RFC 3339): by the latest clock, and rounded up, so that leaves that
 * a CA issued in this second count.
 */
export function timeToRecord({ now, latest = now }: Pick<GateInput, 'now' | 'latest'>): string {
  return formatTime(Math.ceil(latest / 1000) * 1000);
}

/**
 * Returns the present time as the time of the switch, or of `back`: not before the recorded times, which another clock
 * may have set.
 */
export function changeToRecord(input: Pick<GateInput, 'now' | 'latest' | 'marks'>): string {
  const { startedAt, switchedAt, backAt } = input.marks;
  const recorded = [startedAt, switchedAt, backAt].filter((time) => typeof time === 'number');
  return formatTime(Math.max(Date.parse(timeToRecord(input)), ...recorded));
}
