import { formatTime } from '../../text/format-time.ts';
import type { CaFacts, GateInput } from './facts.ts';
import { gate } from './gate-catalogue.ts';
import type { Gate } from './gate-catalogue.ts';

/** A time until which the issuer may have signed with the old CA. */
interface Bound {
  /** Epoch milliseconds. */
  readonly at: number;
  /** The event of this time. */
  readonly event: string;
}

/**
 * Returns the gate about a time of the switch. A time that is too early makes the leaves of the old CA look older than
 * they are. A time that cannot be read counts as the present one.
 */
export function switchTimeGate(input: GateInput, at: number | undefined): Gate {
  if (at === undefined) return gate('R44', true, 'no time of the switch is recorded');
  const late = boundsOf(input).filter((bound) => at < bound.at);
  const last = late.toSorted((a, b) => b.at - a.at)[0];
  const text = formatTime(at);
  return last === undefined
    ? gate('R44', true, `the issuer may have been switched at ${text}`)
    : gate(
        'R44',
        false,
        `the issuer cannot have been switched at ${text}, because ${last.event}; to correct a recorded time, run meshtrust rotate back, then switched`,
      );
}

function boundsOf({ marks, resource, servers, now }: GateInput): readonly Bound[] {
  const bounds: Bound[] = [];
  const served = servers.flatMap((server) => (server.kind === 'answered' ? server.cas : []));
  const known: readonly CaFacts[] = [...resource.listed, ...served];
  const ca = known.find(({ fingerprint }) => fingerprint === marks.new);
  if (ca !== undefined)
    bounds.push({ at: ca.notBefore, event: `the new CA is valid only from ${formatTime(ca.notBefore)}` });
  const add = (time: number | 'unknown' | undefined, what: string): void => {
    if (time === 'unknown') bounds.push({ at: now, event: `the time when ${what} cannot be read` });
    else if (time !== undefined) bounds.push({ at: time, event: `${what} at ${formatTime(time)}` });
  };
  add(marks.startedAt, 'the new CA was listed');
  add(marks.backAt, 'the issuer was switched back to the old CA');
  return bounds;
}
