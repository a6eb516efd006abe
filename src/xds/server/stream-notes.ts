import type { StreamInfo } from './observer.ts';
import { StreamDetails } from './stream-info.ts';

/** The notes on objects that are not streams of a server, such as those of tests. */
const otherLists = new WeakMap<StreamInfo, unknown[]>();

/** Returns pairs of the `StreamNotes` of an observer and its note; `undefined` for an object without notes. */
function listOf(stream: StreamInfo): unknown[] | undefined {
  return StreamDetails.notesOf(stream) ?? otherLists.get(stream);
}

function createList(stream: StreamInfo): unknown[] {
  const list: unknown[] = [];
  otherLists.set(stream, list);
  return list;
}

/**
 * Stores one value for each open stream, for one observer. The value is part of the stream: of thousands of streams, each
 * look-up in a `Map` costs several cache misses. It is freed with the stream. If an observer keeps the `StreamInfo` of
 * streams that have ended, delete their notes in `streamClosed`.
 * @example
 * const openedAt = new StreamNotes<number>();
 * const observer: XdsObserver = {
 *   streamOpened: (stream) => openedAt.set(stream, Date.now()),
 *   streamClosed: (stream) => console.log(stream.nodeId, openedAt.get(stream)),
 * };
 */
export class StreamNotes<Note> {
  /** Returns the note on a stream, or `undefined` if the stream has no note. */
  get(stream: StreamInfo): Note | undefined {
    const list = listOf(stream);
    const at = positionOf(this, list);
    return at < 0 ? undefined : (list?.[at + 1] as Note);
  }

  /** Returns whether a stream has a note. */
  has(stream: StreamInfo): boolean {
    return positionOf(this, listOf(stream)) >= 0;
  }

  /** Sets the note on a stream. Replaces an earlier note. */
  set(stream: StreamInfo, note: Note): void {
    const list = listOf(stream) ?? createList(stream);
    let at = positionOf(this, list);
    if (at < 0) at = positionOf(undefined, list);
    if (at < 0) at = list.length;
    list[at] = this;
    list[at + 1] = note;
  }

  /** Removes the note on a stream. Returns false if the stream has no note. */
  delete(stream: StreamInfo): boolean {
    const list = listOf(stream);
    const at = positionOf(this, list);
    if (list === undefined || at < 0) return false;
    list[at] = undefined;
    list[at + 1] = undefined;
    return true;
  }
}

/** Returns the position of an owner's pair in a list; of the first free pair for `undefined`. Returns -1 without a match. */
function positionOf(owner: StreamNotes<unknown> | undefined, list: readonly unknown[] = []): number {
  for (let at = 0; at < list.length; at += 2) if (list[at] === owner) return at;
  return -1;
}
