import type { GoneEvidence, SourceEvent } from '../../trust/source.ts';

/** What `stat` says of one version of a file. Times are nanoseconds since the epoch. */
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
  /** Known to have been moved into place complete (see `isPlaced`). */
  readonly placed: boolean;
}

/** What one look at a file found. */
export type Sighting =
  | ContentSighting
  /** `stat` shows the version that was read before. */
  | { readonly kind: 'same' }
  | { readonly kind: 'unreadable'; readonly reason: string }
  /**
   * The directory can be listed, and the file is not in it. `noticed`: something happened under its name since
   * the last look, so that it may have been there in between.
   */
  | { readonly kind: 'absent'; readonly noticed: boolean; readonly evidence: GoneEvidence }
  /** Nothing can be said, because the directory cannot be reached. */
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

/** What is known of one file, and what was told about it. */
export type FileState =
  | Known
  /** Absent, or unreadable after it had been read, but not for long enough to be told. */
  | {
      readonly kind: 'doubtful';
      readonly absent: boolean;
      readonly since: number;
      readonly before: Known;
    };

/** The next state, what is to be told, and when to look again although nothing happens. */
export interface Step {
  readonly state: FileState;
  readonly event?: SourceEvent;
  readonly lookAt?: number;
}

/** How many times longer than it takes to settle an unreadable file is left alone. */
const retryFactor = 20;

/** A file that nothing is known of; also what a step ends in when there is nothing to remember. */
export const unseen: FileState = { kind: 'unseen' };

/**
 * Takes one look at the file at `path` into account. `now` is monotonic; it, `settleMs` and `lookAt` are
 * milliseconds. A version is settled when it was moved into place, has not changed for `settleMs` by its own
 * times, or was seen unchanged for that long; a deletion is told when it has lasted that long.
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
  const told = before.kind === 'read' && before.hash === seen.hash ? before : undefined;
  const since = told !== undefined && sameVersion(told.version, seen.version) ? told.since : now;
  // A text that was once told as settled stays so: a `touch` is no news.
  const settled = told?.settled === true || seen.placed || seen.ageMs >= settleMs || now - since >= settleMs;
  const state: FileState = { kind: 'read', version: seen.version, since, hash: seen.hash, settled };
  return {
    state,
    ...(told?.settled !== settled && { event: { kind: 'content', path, text: seen.text, settled } }),
    ...(!settled && { lookAt: since + settleMs }),
  };
}

function unreadable(path: string, state: FileState, reason: string, now: number, settleMs: number): Step {
  // Nothing tells when memory, descriptors or the target of a link are there again.
  const kept: Step = { state: { kind: 'unreadable', reason }, lookAt: now + retryFactor * settleMs };
  const tell: Step = { ...kept, event: { kind: 'unreadable', path, reason } };
  switch (state.kind) {
    case 'unseen':
      return tell;
    case 'unreadable':
      return state.reason === reason ? kept : tell;
    case 'read':
      // A write that stops inside a character, and a link whose target is being replaced, look like this.
      return doubt(state, false, now, settleMs);
    case 'doubtful':
      if (state.absent) return doubt(state.before, false, now, settleMs);
      return now - state.since >= settleMs ? tell : { state, lookAt: state.since + settleMs };
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
      if (now - state.since < settleMs) return { state, lookAt: state.since + settleMs };
      return { state: unseen, event: { kind: 'gone', path, evidence } };
  }
}

function doubt(before: Known, isAbsent: boolean, now: number, settleMs: number): Step {
  return { state: { kind: 'doubtful', absent: isAbsent, since: now, before }, lookAt: now + settleMs };
}

function known(state: FileState): Known {
  return state.kind === 'doubtful' ? state.before : state;
}

/** Whether two `stat`s show one version: nothing was written, and no other file took its place. */
export function sameVersion(a: Version, b: Version): boolean {
  return (
    a.dev === b.dev &&
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs
  );
}
