/** What is written to the cluster besides serving. */
export type WriteKind = 'status' | 'event' | 'lease' | 'replicas';

/** Takes what came of a request: why it failed, or undefined where it did not. */
export type Outcomes = (kind: WriteKind, failure: string | undefined) => void;

interface OutcomeSinks {
  readonly count: (kind: WriteKind, result: 'ok' | 'error') => void;
  readonly warn: (kind: WriteKind, message: string) => void;
  readonly info: (kind: WriteKind, message: string) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Where single requests fail among others that succeed, a kind is not logged more often than this. */
const quietMs = 60_000;

const names: Readonly<Record<WriteKind, string>> = {
  status: 'the status of MeshTrusts',
  event: 'Events',
  lease: 'the Lease of the leader',
  replicas: 'the counts of replicas',
};

/** Counts every outcome; logs the first failure of each kind, and its end. Serving goes on in any case. */
export function createOutcomes({ count, warn, info, now }: OutcomeSinks): Outcomes {
  const failing = new Set<WriteKind>();
  const warnedAt = new Map<WriteKind, number>();
  return (kind, failure) => {
    count(kind, failure === undefined ? 'ok' : 'error');
    if (failure === undefined) {
      if (failing.delete(kind)) info(kind, `${names[kind]}: requests succeed again`);
      return;
    }
    if (failing.has(kind) || now() - (warnedAt.get(kind) ?? -Infinity) < quietMs) return;
    failing.add(kind);
    warnedAt.set(kind, now());
    warn(kind, `${names[kind]}: a request failed, what is served does not depend on it: ${failure}`);
  };
}
