import { isMapping, parseJson } from '../../text/json.ts';
import { parseTime } from '../model/rotation-values.ts';

/** How often an issuer signed the certificate of a client, and when. Times are epoch milliseconds. */
interface SeenIssuer {
  /** SHA-256 of the certificate of the direct issuer, as Envoy has it. */
  readonly fingerprint: string;
  readonly clients: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** The issuers and times that the lines of an access log contain. */
export interface SeenIssuers {
  /** By last sighting, the most recent first. */
  readonly issuers: readonly SeenIssuer[];
  readonly lines: number;
  /** Lines without the fingerprint of an issuer: clients without a certificate, or another format. */
  readonly without: number;
  /** Lines whose issuer is not counted, because there are too many. */
  readonly beyond: number;
}

/** Counts issuers line by line. Keeps no names and no addresses. */
export interface IssuerCount {
  readonly add: (line: string) => void;
  readonly result: () => SeenIssuers;
}

/** The most issuers that are counted. A trust domain has a few; a client chooses none of these values. */
const mostIssuers = 1_000;
/** The longest line that is parsed, in characters. */
const longestLine = 65_536;
/** Milliseconds by which the clock of a proxy may be ahead. */
const clocksDifferMs = 300_000;

/**
 * Creates a count of the issuers in Envoy's JSON access log. The issuer is the first field whose name contains `issuer`
 * and whose value is a fingerprint (`%DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256%`). The time is the latest one by RFC 3339
 * that is not in the future (`%START_TIME%`): a line may also have the times at which the leaf begins and ends
 * (`%DOWNSTREAM_PEER_CERT_V_START%`). A line without a time counts as seen at `now`, since it may be new.
 */
export function countIssuers(now: number): IssuerCount {
  const issuers = new Map<string, { clients: number; firstSeen: number; lastSeen: number }>();
  let [lines, without, beyond] = [0, 0, 0];
  return {
    add(line) {
      if (line.trim() === '') return;
      lines += 1;
      const fields = line.length > longestLine ? undefined : parseJson(line);
      const values = isMapping(fields) ? Object.entries(fields) : [];
      const issuer = values.find(([name, value]) => /issuer/i.test(name) && isFingerprint(value))?.[1];
      if (!isFingerprint(issuer)) {
        without += 1;
        return;
      }
      const at =
        timeOf(
          values.map(([, value]) => value),
          now,
        ) ?? now;
      const known = issuers.get(issuer);
      if (known !== undefined) {
        known.clients += 1;
        known.firstSeen = Math.min(known.firstSeen, at);
        known.lastSeen = Math.max(known.lastSeen, at);
      } else if (issuers.size < mostIssuers) issuers.set(issuer, { clients: 1, firstSeen: at, lastSeen: at });
      else beyond += 1;
    },
    result: () => ({
      issuers: [...issuers]
        .map(([fingerprint, seen]) => ({ fingerprint, ...seen }))
        .sort((a, b) => b.lastSeen - a.lastSeen),
      lines,
      without,
      beyond,
    }),
  };
}

function isFingerprint(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

/** Returns the latest time that is not in the future; if all are, the earliest one. */
function timeOf(values: readonly unknown[], now: number): number | undefined {
  const times = values
    .map((value) => (typeof value === 'string' ? parseTime(value) : undefined))
    .filter((time) => time !== undefined);
  const past = times.filter((time) => time <= now + clocksDifferMs);
  if (past.length > 0) return Math.max(...past);
  return times.length === 0 ? undefined : Math.min(...times);
}
