/** A stream whose client has ended its side. */
interface HalfClosed {
  /** Ends the stream. */
  endHalfClosed(): void;
}

let waiting: HalfClosed[] = [];

/**
 * Ends a stream after the sockets have been read. All streams that wait are ended in one turn, so the transport can
 * write the statuses of one connection together: between two immediates, Node.js runs the work that writes.
 */
export function endSoon(stream: HalfClosed): void {
  waiting.push(stream);
  if (waiting.length === 1) setImmediate(endAll);
}

function endAll(): void {
  const streams = waiting;
  waiting = [];
  for (const stream of streams) stream.endHalfClosed();
}
