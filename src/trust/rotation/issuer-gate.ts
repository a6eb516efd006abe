import { counted } from '../../text/counted.ts';
import { formatTime } from '../../text/format-time.ts';
import { describeTime } from './describe-time.ts';
import type { AnsweredFacts, GateInput, ServerObservation } from './facts.ts';
import { gate } from './gate-catalogue.ts';
import { mayBeIssuedBy } from './issued-by.ts';
import type { Gate } from './gate-catalogue.ts';

/** The number of reasons that a detail names. */
const mostReasons = 2;

/** When clients with leaves of a CA were last seen, and whether they would have been seen all the time. */
export interface IssuerEvidence {
  /** Epoch milliseconds: in the access log that the command read, and in those that servers take. */
  readonly inFile: number | undefined;
  readonly atServers: number | undefined;
  /**
   * Why it is unknown whether there were others within the window; empty if it is known. It is `undefined` if nothing
   * observes clients.
   */
  readonly unknown: readonly string[] | undefined;
  /** False if the only evidence is an access log that the command read: the time and proxies of a file are unknown. */
  readonly isByServers: boolean;
}

/** Returns what access logs say about the leaves of a CA. */
export function issuerEvidence(
  { observation, servers, options, now }: GateInput,
  fingerprint: string,
): IssuerEvidence {
  const answered = servers.filter((server) => server.kind === 'answered');
  const hashes = issuersBelow(fingerprint, answered);
  const last = (lastSeen: ReadonlyMap<string, number> | undefined): number => {
    const times = [...hashes].map((hash) => lastSeen?.get(hash) ?? -Infinity);
    return Math.max(-Infinity, ...times);
  };
  const observers = answered.flatMap(({ server, observed }) =>
    observed === undefined ? [] : [{ server, observed }],
  );
  const known = (time: number): number | undefined => (time === -Infinity ? undefined : time);
  const isObserved = observation !== undefined || observers.length > 0;
  return {
    inFile: known(last(observation?.lastSeen)),
    atServers: known(Math.max(-Infinity, ...observers.map(({ observed }) => last(observed.lastSeen)))),
    unknown: isObserved
      ? observers.length > 0
        ? gapsOf(answered, observers, now - options.quietMs, now)
        : gapsOfFile(observation, now - options.quietMs)
      : undefined,
    isByServers: observers.length > 0,
  };
}

/** Returns why an access log that a command read may not show whose leaves its clients have. */
function gapsOfFile(observation: GateInput['observation'], since: number): readonly string[] {
  const { lastSeen, unknownAt = -Infinity } = observation ?? {};
  if (lastSeen?.size === 0) return ['no line of the access log has the fingerprint of an issuer'];
  return unknownAt > since ? [`the access log has ${unlisted}`] : [];
}

const unlisted = 'an issuer that is not listed, perhaps an intermediate of the CA';

/** Returns why the servers may not have seen each client since a time. */
function gapsOf(
  answered: readonly AnsweredFacts[],
  observers: readonly { readonly server: string; readonly observed: ServerObservation }[],
  since: number,
  now: number,
): readonly string[] {
  const gaps = answered
    .filter(({ observed }) => observed === undefined)
    .map(({ server }) => `${server} takes no access logs`);
  for (const { server, observed } of observers) {
    if (observed.since === undefined) gaps.push(`${server} has not begun to observe`);
    else if (observed.since > since)
      gaps.push(`${server} has observed for ${describeTime(now - observed.since)} only`);
    if (observed.lostAt !== undefined && observed.lostAt > since)
      gaps.push(`entries for ${server} were lost at ${formatTime(observed.lostAt)}`);
    if (observed.unknownAt !== undefined && observed.unknownAt > since)
      gaps.push(`${server} has seen ${unlisted}`);
  }
  const total = (count: (observed: ServerObservation) => number): number =>
    observers.reduce((sum, { observed }) => sum + count(observed), 0);
  const without = total((observed) => observed.without);
  if (total(({ entries }) => entries) === 0)
    gaps.push(
      without === 0
        ? 'no proxy has sent its access log'
        : `no entry of ${counted(without, 'entry')} has the fingerprint of an issuer`,
    );
  const connected = answered.reduce((sum, { proxies }) => sum + proxies.connected, 0);
  const nodes = total((observed) => observed.nodes);
  if (nodes < connected)
    gaps.push(`${nodes} of ${counted(connected, 'connected proxy')} sent an issuer within the last hour`);
  return gaps;
}

/**
 * Returns the gate about access logs. They cannot prove that no client uses the CA, but they can show that one does.
 */
export function issuerGate(
  input: GateInput,
  removed: { readonly name: 'old' | 'new'; readonly fingerprint: string },
  /** When all leaves from before the switch have expired; `undefined` if this does not matter. */
  end: number | undefined,
): Gate {
  const { options, now } = input;
  const { inFile, atServers, unknown, isByServers } = issuerEvidence(input, removed.fingerprint);
  if (unknown === undefined) return gate('R42', true, 'not observed: no access log was given');
  const window = describeTime(options.quietMs);
  const at = (time: number): string =>
    `a client with a leaf of the ${removed.name} CA was seen at ${formatTime(time)}`;
  if (inFile !== undefined && end !== undefined && inFile > end)
    return gate(
      'R42',
      false,
      `${at(inFile)}, when all leaves from before the switch had expired: the issuer still signs with the old CA`,
    );
  const last = Math.max(inFile ?? -Infinity, atServers ?? -Infinity);
  if (now - last < options.quietMs) {
    // A server learns of a request or connection at its end, perhaps long after the handshake.
    const isLate = end !== undefined && last > end;
    const reason = isLate
      ? ', when all leaves from before the switch had expired: the issuer still signs with the old CA, or a connection has been open since'
      : '';
    return gate('R42', false, `${at(last)}, within the last ${window}${reason}`);
  }
  if (unknown.length > 0)
    return gate('R42', true, `unknown for the last ${window}: ${some(unknown)}. Time alone decides`);
  if (last !== -Infinity) return gate('R42', true, at(last));
  const client = `client with a leaf of the ${removed.name} CA`;
  return gate('R42', true, isByServers ? `no ${client} was seen` : `the access log has no ${client}`);
}

/** Joins the first reasons, and the number of the others. */
function some(reasons: readonly string[]): string {
  const first = reasons.slice(0, mostReasons).join('; ');
  return reasons.length <= mostReasons ? first : `${first}; and ${reasons.length - mostReasons} more`;
}

/** Returns the fingerprints of a CA and of the served intermediates below it: Envoy logs the direct issuer. */
function issuersBelow(fingerprint: string, answered: readonly AnsweredFacts[]): ReadonlySet<string> {
  const cas = answered.flatMap((server) => server.cas);
  const found = new Set([fingerprint]);
  // Iteration over a Set includes the elements that are added during it.
  for (const hash of found) {
    const issuer = cas.find((ca) => ca.fingerprint === hash);
    for (const ca of cas) if (issuer !== undefined && mayBeIssuedBy(ca, issuer)) found.add(ca.fingerprint);
  }
  return found;
}
