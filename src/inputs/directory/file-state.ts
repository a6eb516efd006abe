import type { GoneEvidence, SourceEvent } from '../../trust/source.ts';

/** The fields of `stat` that identify a version of a file. Times are nanoseconds since the epoch. */
export interface Version {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** A file was read. */
export interface ContentSighting {
  readonly kind: 'content';
  readonly version: Version;
  readonly text: string;
  readonly hash: string;
  /** Milliseconds since the last change of the file or its attributes, by the wall clock. */
  readonly ageMs: number;
  /** True if the complete file was moved to its name (see `isPlaced`). */
  readonly placed: boolean;
}

/** The result of one check of a file. */
export type Sighting =
  | ContentSighting
  /** `stat` returns the version that was read before. */
  | { readonly kind: 'same' }
  | { readonly kind: 'unreadable'; readonly reason: string }
  /**
   * The directory can be listed, and does not contain the file. `noticed`: there was a notice of its name since the
   * last check, so the file may have existed in between.
   */
  | { readonly kind: 'absent'; readonly noticed: boolean; readonly evidence: GoneEvidence }
  /** The state of the file is unknown, because its directory cannot be reached. */
  | { readonly kind: 'unknown' };

type Known =
  | { readonly kind: 'unseen' }
  | {
      readonly kind: 'read';
      readonly version: Version;
      /** When this version was first seen, on the monotonic clock. */
      readonly since: number;
      readonly hash: string;
      readonly settled: boolean;
    }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** The state of a file, as far as it is known and was reported. */
export type FileState =
  | Known
  /** The file is absent, or unreadable after it was read, but not for long enough to be reported. */
  | {
      readonly kind: 'doubtful';
      readonly absent: boolean;
      readonly since: number;
      readonly before: Known;
    };

/** The result of a check. */
export interface Step {
  readonly state: FileState;
  readonly event?: SourceEvent;
  /** Time at which the file must be checked again, even without a notice. */
  readonly checkAt?: number;
}

/** An unreadable file is read again after this number of settle times. */
const retryFactor = 20;

/** The state of an unknown file. A file that is gone returns to it. */
export const unseen: FileState = { kind: 'unseen' };

/**
 * Returns the next state of the file at `path` after a check. `now`, `settleMs` and `checkAt` are milliseconds, and
 * `now` is monotonic. A version is settled if it was moved to its name, if it has been unchanged for `settleMs`, or if
 * it is the first one and its own times are at least `settleMs` old. A deletion is reported after it has lasted for
 * `settleMs`.
 */
export function stepFile(
  path: string,
  state: FileState,
  sighting: Sighting,
  now: number,
  settleMs: number,
): Step {
  switch (sighting.kind) {
    case 'content':
      return read(path, known(state), sighting, now, settleMs);
    case 'same':
    case 'unknown':
      return { state: known(state) };
    case 'unreadable':
      return unreadable(path, state, sighting.reason, now, settleMs);
    case 'absent':
      return absent(path, state, sighting, now, settleMs);
  }
}

function read(path: string, before: Known, seen: ContentSighting, now: number, settleMs: number): Step {
  const reported = before.kind === 'read' && before.hash === seen.hash ? before : undefined;
  const since = reported !== undefined && sameVersion(reported.version, seen.version) ? reported.since : now;
  // A text that was reported as settled remains settled: a `touch` changes nothing.
  // Only at first sight: a file server may have another clock, and then a file in the middle of a write looks old.
  const isOld = before.kind === 'unseen' && seen.ageMs >= settleMs;
  const settled = reported?.settled === true || seen.placed || isOld || now - since >= settleMs;
  const state: FileState = { kind: 'read', version: seen.version, since, hash: seen.hash, settled };
  return {
    state,
    ...(reported?.settled !== settled && { event: { kind: 'content', path, text: seen.text, settled } }),
    ...(!settled && { checkAt: since + settleMs }),
  };
}

function unreadable(path: string, state: FileState, reason: string, now: number, settleMs: number): Step {
  // There is no notice when memory, descriptors or the target of a link are available again.
  const silent: Step = { state: { kind: 'unreadable', reason }, checkAt: now + retryFactor * settleMs };
  const report: Step = { ...silent, event: { kind: 'unreadable', path, reason } };
  switch (state.kind) {
    case 'unseen':
      return report;
    case 'unreadable':
      return state.reason === reason ? silent : report;
    case 'read':
      // An incomplete write that ends inside a character, or a link whose target is being replaced, has this effect.
      return doubt(state, false, now, settleMs);
    case 'doubtful':
      if (state.absent) return doubt(state.before, false, now, settleMs);
      return now - state.since >= settleMs ? report : { state, checkAt: state.since + settleMs };
  }
}

function absent(
  path: string,
  state: FileState,
  { noticed, evidence }: Extract<Sighting, { kind: 'absent' }>,
  now: number,
  settleMs: number,
): Step {
  switch (state.kind) {
    case 'unseen':
      return { state };
    case 'read':
    case 'unreadable':
      return doubt(state, true, now, settleMs);
    case 'doubtful':
      if (!state.absent || noticed) return doubt(state.before, true, now, settleMs);
      if (now - state.since < settleMs) return { state, checkAt: state.since + settleMs };
      return { state: unseen, event: { kind: 'gone', path, evidence } };
  }
}

function doubt(before: Known, isAbsent: boolean, now: number, settleMs: number): Step {
  return { state: { kind: 'doubtful', absent: isAbsent, since: now, before }, checkAt: now + settleMs };
}

function known(state: FileState): Known {
  return state.kind === 'doubtful' ? state.before : state;
}

/** Returns true if two results of `stat` are of one version: nothing was written, and the file was not replaced. */
export function sameVersion(a: Version, b: Version): boolean {
  return (
    a.dev === b.dev &&
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs
  );
}

/** The number of notices of a directory watch about a file, by the event type of `fs.watch`. */
interface Notices {
  /** The file was created or deleted, or it was moved here or away. */
  readonly renames: number;
  /** The file was written, or its attributes changed. */
  readonly changes: number;
}

/**
 * Returns true if the complete file was moved or linked to its name, and was not written since then. The inputs are the
 * state before, all notices since then (including those that were queued during the read), and its `stat`. Returns
 * false if that is not certain. Such a file settles by waiting.
 *
 * This relies on two facts. A file can be created under an existing name only after a notice of the deletion. So a
 * single rename notice and another inode mean that a file was renamed over the old one. And a write sets the
 * modification time and the change time to the same value, while rename and link set only the change time.
 */
export function isPlaced(before: FileState, notices: Notices, version: Version): boolean {
  if (notices.changes > 0 || notices.renames === 0 || version.size === 0n) return false;
  const replaced = before.kind === 'read' && notices.renames === 1 && !sameFile(before.version, version);
  return replaced || version.ctimeNs > version.mtimeNs;
}

function sameFile(a: Version, b: Version): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
