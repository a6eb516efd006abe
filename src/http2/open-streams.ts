import { largestWindow } from './frame.ts';
import type { ServerStream } from './stream.ts';

/**
 * The open streams of a connection. Most connections have one stream, so the list is created for the second stream. Not
 * a `Map`: see `LinkedList` in src/xds/small.
 */
export class OpenStreams {
  #only: ServerStream | undefined;
  /** In the order of their identifiers: those of new streams increase. */
  #others: ServerStream[] | undefined;
  /** Streams that wait for the client's window. */
  #blocked: Set<ServerStream> | undefined;

  find(streamId: number): ServerStream | undefined {
    if (this.#only?.id === streamId) return this.#only;
    const found = this.#others?.[this.#positionOf(streamId)];
    return found?.id === streamId ? found : undefined;
  }

  add(stream: ServerStream): void {
    if (this.#only === undefined) this.#only = stream;
    else if (this.#others === undefined) this.#others = [stream];
    else this.#others.push(stream);
  }

  remove(stream: ServerStream): void {
    this.#blocked?.delete(stream);
    if (this.#only === stream) this.#only = undefined;
    else if (this.find(stream.id) === stream) this.#others?.splice(this.#positionOf(stream.id), 1);
  }

  /** Resumes the stream at the calls of `resumeBlocked`, until `unblocked`. */
  waitForWindow(stream: ServerStream): void {
    (this.#blocked ??= new Set()).add(stream);
  }

  /** The stream has sent all of its data. */
  unblocked(stream: ServerStream): void {
    this.#blocked?.delete(stream);
  }

  /**
   * Resumes the streams that wait and have a window. Must be called after the window of the connection was enlarged.
   */
  resumeBlocked(): void {
    for (const stream of this.#blocked ?? []) if (stream.sendWindow > 0) stream.resume();
  }

  /**
   * Changes the client's window of all streams, after SETTINGS. Returns false if one of them was too large at the
   * largest change (RFC 9113, section 6.9.2).
   */
  widenAll(by: number, largest: number): boolean {
    if (by === 0 && largest === 0) return true;
    for (const stream of this.all()) {
      if (stream.sendWindow + largest > largestWindow) return false;
      stream.widen(by);
    }
    return true;
  }

  /** Returns a copy of the list of open streams: streams may be removed during an iteration. */
  all(): readonly ServerStream[] {
    const only = this.#only === undefined ? [] : [this.#only];
    return this.#others === undefined ? only : [...only, ...this.#others];
  }

  /** Returns the position of the first other stream whose identifier is not lower. */
  #positionOf(streamId: number): number {
    const others = this.#others ?? [];
    let [low, high] = [0, others.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((others[middle]?.id ?? 0) < streamId) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
