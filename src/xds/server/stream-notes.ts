import { NoteStore } from './note-store.ts';
import type { StreamInfo } from './observer.ts';

/** The notes on objects that are not streams of a server, such as those of tests. */
const otherStores = new WeakMap<StreamInfo, NoteStore>();

function storeOf(stream: StreamInfo): NoteStore | undefined {
  return NoteStore.isIn(stream) ? stream : otherStores.get(stream);
}

function createStore(stream: StreamInfo): NoteStore {
  const store = new NoteStore();
  otherStores.set(stream, store);
  return store;
}

/**
 * Stores one value for each open stream, for one observer. The value is part of the stream: of thousands of streams,
 * each look-up in a `Map` costs several cache misses. It is freed with the stream. If an observer keeps the
 * `StreamInfo` of streams that have ended, delete their notes in `streamClosed`.
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
    return storeOf(stream)?.getNote(this) as Note | undefined;
  }

  /** Returns whether a stream has a note. */
  has(stream: StreamInfo): boolean {
    return storeOf(stream)?.hasNote(this) === true;
  }

  /** Sets the note on a stream. Replaces an earlier note. */
  set(stream: StreamInfo, note: Note): void {
    (storeOf(stream) ?? createStore(stream)).setNote(this, note);
  }

  /** Removes the note on a stream. Returns false if the stream has no note. */
  delete(stream: StreamInfo): boolean {
    return storeOf(stream)?.deleteNote(this) === true;
  }
}
