import type { ObjectHead } from '../client/api-object.ts';
import { observedStatus } from './core/observed-status.ts';
import type { ObjectStatus } from './core/status.ts';

/** An object of the cluster, with the status that it has and what was reported about it. */
export interface TrackedObject {
  readonly head: ObjectHead;
  /** The status that the object has in the cluster. */
  observed: ObjectStatus;
  /**
   * The status at the last comparison, to which the next Events refer. `undefined` until this replica has compared the
   * object as the leader.
   */
  reported: ObjectStatus | undefined;
  /**
   * True if it is unknown what earlier leaders reported. Then no Event reports a normal condition until the object
   * changes or fails.
   */
  isQuiet: boolean;
  /** The last status that this replica wrote. */
  lastWrite: StatusWriteRecord | undefined;
  /** The failed writes since the last successful one. */
  failure: FailedWrites | undefined;
}

interface FailedWrites {
  readonly count: number;
  /** The time of the last failed write, in monotonic milliseconds. */
  readonly at: number;
}

interface StatusWriteRecord {
  readonly status: ObjectStatus;
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Number of consecutive writes that changed only the proxy counts. */
  readonly progressWrites: number;
}

/** Returns the record of an object after the watch reported it. An object with another uid is a new object. */
export function trackObject(head: ObjectHead, previous: TrackedObject | undefined): TrackedObject {
  const same = previous?.head.uid === head.uid ? previous : undefined;
  const isUnchanged = same?.head.generation === head.generation;
  return {
    head: { ...head, status: undefined },
    observed: observedStatus(head.status),
    reported: same?.reported,
    isQuiet: isUnchanged && same.isQuiet,
    lastWrite: same?.lastWrite,
    failure: isUnchanged ? same.failure : undefined,
  };
}
