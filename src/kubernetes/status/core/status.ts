/** What becomes of a MeshTrust, in the manner of Kubernetes conditions (metav1.Condition). */
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

/** The status of a MeshTrust, as far as meshtrust writes it; the other fields belong to others. */
export interface ObjectStatus {
  readonly observedGeneration: number;
  /** Of the secret of its trust domain, which `Programmed` speaks of. */
  readonly version: string | undefined;
  /** How many of its certificates are served. */
  readonly authorities: number;
  /** When the first of them expires, RFC 3339. */
  readonly expires: string | undefined;
  readonly conditions: readonly Condition[];
}

/** How many proxies of a mesh there are, and how many have a version of it in force. */
export interface ProxyCounts {
  readonly connected: number;
  readonly acked: number;
  /** Proxies without a connection of which it is not known whether they have it. */
  readonly lost: number;
  /** False where some replica's proxies are not known. */
  readonly complete: boolean;
}

/** RFC 3339 in UTC, in whole seconds, from epoch milliseconds. */
export function timestamp(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

export function conditionOf(
  { conditions }: Pick<ObjectStatus, 'conditions'>,
  type: ConditionType,
): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** Whether two statuses say the same, in whatever order. */
export function isSameStatus(a: ObjectStatus, b: ObjectStatus): boolean {
  return (
    a.observedGeneration === b.observedGeneration &&
    a.version === b.version &&
    a.authorities === b.authorities &&
    a.expires === b.expires &&
    conditionTypes.every((type) => isSameCondition(conditionOf(a, type), conditionOf(b, type)))
  );
}

/** Whether two statuses differ in nothing but how many proxies have acknowledged so far. */
export function isProgress(before: ObjectStatus, after: ObjectStatus): boolean {
  const [was, is] = [conditionOf(before, 'Programmed'), conditionOf(after, 'Programmed')];
  if (was === undefined || is === undefined || was.status !== is.status || was.reason !== is.reason)
    return false;
  const conditions = before.conditions.map((one) => (one === was ? { ...was, message: is.message } : one));
  return isSameStatus({ ...before, conditions }, after);
}

/** How long an object says how many proxies have acknowledged, at most, in milliseconds. */
const longestProgressMs = 300_000;

/**
 * How long an object says how many proxies have acknowledged until it is told anew, in milliseconds: doubled each
 * time that nothing else changed, up to 5 minutes.
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
