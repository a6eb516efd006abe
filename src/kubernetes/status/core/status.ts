/** A condition in the status of a MeshTrust, in the form of metav1.Condition. */
export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One word in CamelCase, for programs. */
  readonly reason: Reason;
  readonly message: string;
  readonly observedGeneration: number;
  /** RFC 3339, in seconds. */
  readonly lastTransitionTime: string;
}

export const conditionTypes = ['Accepted', 'Programmed', 'Expiring'] as const;
export type ConditionType = (typeof conditionTypes)[number];

export const reasons = [
  // Accepted
  'Accepted',
  'AcceptedWithWarnings',
  'NoValidCA',
  'PartlyRefused',
  'StaleKept',
  'Refused',
  // Programmed
  'Programmed',
  'NoProxies',
  'Pending',
  'ProxiesLost',
  'CountsIncomplete',
  'LeftOut',
  'NotServed',
  // Expiring
  'Valid',
  'ExpiresSoon',
  'Expired',
  'NothingServed',
] as const;
export type Reason = (typeof reasons)[number];

/** The status fields of a MeshTrust that meshtrust writes. Other controllers own the other fields. */
export interface ObjectStatus {
  readonly observedGeneration: number;
  /** Version of the trust domain's secret, to which `Programmed` refers. */
  readonly version: string | undefined;
  /** Number of this object's certificates that are served. */
  readonly authorities: number;
  /** The earliest expiry of the served certificates, in RFC 3339. */
  readonly expires: string | undefined;
  /** Time until then, for the column of `kubectl get`: `89d`. */
  readonly expiresIn: string | undefined;
  readonly conditions: readonly Condition[];
}

/** Number of connected proxies of a mesh, and of those that have acknowledged a version. */
export interface ProxyCounts {
  readonly connected: number;
  readonly acked: number;
  /** Disconnected proxies for which it is unknown whether they have the version. */
  readonly lost: number;
  /** False if the counts of some replica are unknown. */
  readonly complete: boolean;
}

/** Formats epoch milliseconds as RFC 3339 in UTC, in whole seconds. */
export function timestamp(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

export function conditionOf(
  { conditions }: Pick<ObjectStatus, 'conditions'>,
  type: ConditionType,
): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/**
 * Formats the time until an expiry as kubectl formats an age: hours below two days, then days, then years from two
 * years on. It is coarse, because each change of the text writes the status of the object.
 */
export function timeUntil(expires: number, now: number): string {
  const hours = Math.floor((expires - now) / 3_600_000);
  if (expires < now) return 'expired';
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 730 ? `${days}d` : `${Math.floor(days / 365)}y`;
}

/**
 * Returns true if two statuses are equal. The order of conditions does not matter. A missing `expiresIn` is no
 * difference: an earlier version of the CRD drops the field, and the status would be written again and again.
 */
export function isSameStatus(a: ObjectStatus, b: ObjectStatus): boolean {
  return (
    a.observedGeneration === b.observedGeneration &&
    a.version === b.version &&
    a.authorities === b.authorities &&
    a.expires === b.expires &&
    (a.expiresIn === b.expiresIn || a.expiresIn === undefined || b.expiresIn === undefined) &&
    conditionTypes.every((type) => isSameCondition(conditionOf(a, type), conditionOf(b, type)))
  );
}

/** Returns true if two statuses differ only in the number of proxies that have acknowledged. */
export function isProgress(before: ObjectStatus, after: ObjectStatus): boolean {
  const [was, is] = [conditionOf(before, 'Programmed'), conditionOf(after, 'Programmed')];
  if (was === undefined || is === undefined || was.status !== is.status || was.reason !== is.reason)
    return false;
  const conditions = before.conditions.map((one) => (one === was ? { ...was, message: is.message } : one));
  return isSameStatus({ ...before, conditions }, after);
}

/** The longest pause between two writes of the proxy counts, in milliseconds. */
const longestProgressMs = 300_000;

/**
 * Returns the pause until the proxy counts of an object are written again, in milliseconds. It doubles each time that
 * nothing else changed, up to 5 minutes.
 */
export function progressPauseMs(firstMs: number, count: number): number {
  return Math.min(firstMs * 2 ** count, longestProgressMs);
}

function isSameCondition(a: Condition | undefined, b: Condition | undefined): boolean {
  return (
    a?.status === b?.status &&
    a?.reason === b?.reason &&
    a?.message === b?.message &&
    a?.observedGeneration === b?.observedGeneration
  );
}
