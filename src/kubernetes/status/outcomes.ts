/** The kinds of objects that meshtrust writes to the cluster. */
type WriteKind = 'status' | 'event' | 'lease' | 'replicas';

/**
 * Records the outcome of a request: the reason of its failure, or `undefined` if it succeeded. `othersFail`: for a kind
 * with requests for several objects, whether those for another object still fail.
 */
export type Outcomes = (kind: WriteKind, failure: string | undefined, othersFail?: () => boolean) => void;

interface OutcomeSinks {
  readonly count: (kind: WriteKind, result: 'ok' | 'error') => void;
  readonly warn: (kind: WriteKind, message: string) => void;
  readonly info: (kind: WriteKind, message: string) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Minimum time between two warnings of one kind, for requests that fail and succeed in turn. */
const quietMs = 60_000;

const names: Readonly<Record<WriteKind, string>> = {
  status: 'status of MeshTrusts',
  event: 'Events',
  lease: 'Lease of the leader',
  replicas: 'proxy counts of the replicas',
};

/** Creates a recorder that counts each outcome, and logs the first failure of each kind and its end. */
export function createOutcomes({ count, warn, info, now }: OutcomeSinks): Outcomes {
  const failing = new Set<WriteKind>();
  const warnedAt = new Map<WriteKind, number>();
  return (kind, failure, othersFail) => {
    count(kind, failure === undefined ? 'ok' : 'error');
    if (failure === undefined) {
      if (!failing.has(kind) || othersFail?.() === true) return;
      failing.delete(kind);
      info(kind, `${names[kind]}: requests succeed again`);
      return;
    }
    if (failing.has(kind) || now() - (warnedAt.get(kind) ?? -Infinity) < quietMs) return;
    failing.add(kind);
    warnedAt.set(kind, now());
    warn(kind, `${names[kind]}: a request failed; serving is not affected: ${failure}`);
  };
}
