import type { StreamInfo } from './observer.ts';
import { StreamDetails } from './stream-info.ts';

/** The notes on objects that are not streams of a server, such as those of tests. */
const otherLists = new WeakMap<StreamInfo, unknown[]>();

/** Returns a list of pairs: the `StreamNotes` of an observer, and its note. */
function listOf(stream: StreamInfo): unknown[] {
  const list = StreamDetails.notesOf(stream) ?? otherLists.get(stream);
  if (list !== undefined) return list;
  const created: unknown[] = [];
  otherLists.set(stream, created);
  return created;
}

/**
 * What one observer keeps of each open stream. It is stored in the stream: of thousands of streams, each look-up in a
 * table costs several cache misses, and a table of V8 keeps memory of streams that have ended.
 * @example
 * const openedAt = new StreamNotes<number>();
 * const observer: XdsObserver = {
 *   streamOpened: (stream) => openedAt.set(stream, Date.now()),
 *   streamClosed: (stream) => console.log(stream.nodeId, openedAt.get(stream)),
 * };
 */
export class StreamNotes<Note> {
  /** Returns the note on a stream; `undefined` if there is none. */
  get(stream: StreamInfo): Note | undefined {
    const list = listOf(stream);
    const at = this.#positionIn(list);
    return at < 0 ? undefined : (list[at + 1] as Note);
  }

  has(stream: StreamInfo): boolean {
    return this.#positionIn(listOf(stream)) >= 0;
  }

  /** Sets the note on a stream. It replaces an earlier one. */
  set(stream: StreamInfo, note: Note): void {
    const list = listOf(stream);
    const known = this.#positionIn(list);
    const at = known < 0 ? freePositionIn(list) : known;
    list[at] = this;
    list[at + 1] = note;
  }

  /** Removes the note on a stream. Returns false if there is none. */
  delete(stream: StreamInfo): boolean {
    const list = listOf(stream);
    const at = this.#positionIn(list);
    if (at < 0) return false;
    list[at] = undefined;
    list[at + 1] = undefined;
    return true;
  }

  #positionIn(list: readonly unknown[]): number {
    for (let at = 0; at < list.length; at += 2) if (list[at] === this) return at;
    return -1;
  }
}

function freePositionIn(list: readonly unknown[]): number {
  let at = 0;
  while (at < list.length && list[at] !== undefined) at += 2;
  return at;
}
