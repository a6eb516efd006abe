import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { closedConnections, refusedStreams } from '../../xds/index.ts';
import type { Outgoing, RequestKind, StreamInfo, XdsObserver } from '../../xds/index.ts';

/** What tells of streams that are in trouble; the metrics of all streams pass these events on. */
export interface TroubleMetrics extends Required<
  Pick<
    XdsObserver,
    'streamsWaiting' | 'streamRefused' | 'connectionClosed' | 'slowed' | 'caughtUp' | 'cutOff'
  >
> {
  streamClosed(stream: StreamInfo): void;
  request(stream: StreamInfo, kind: RequestKind): void;
  response(stream: StreamInfo, response: Pick<Outgoing, 'bytes'>): void;
}

/**
 * Responses from this size on are large, in bytes. A proxy that may not receive one (`google_grpc` takes 4 MiB)
 * says nothing: it goes away, comes back and is sent it again.
 */
export const largeSend = 1024 * 1024;

/** Registers the metrics of streams that wait, are refused, take nothing, or end in the middle of something. */
export function createTroubleMetrics(registry: Registry): TroubleMetrics {
  const registers = [registry];
  const waiting = new Gauge({
    name: 'meshtrust_xds_streams_waiting',
    help: 'Streams that wait to be opened, since they came faster than the rate.',
    registers,
  });
  const delayed = new Counter({
    name: 'meshtrust_xds_streams_delayed_total',
    help: 'Streams that had to wait to be opened, since they came faster than the rate.',
    registers,
  });
  const refused = new Counter({
    name: 'meshtrust_xds_streams_refused_total',
    help: 'Streams that were not served, by the reason.',
    labelNames: ['reason'],
    registers,
  });
  // An alert on a rise needs a value to rise from.
  for (const reason of refusedStreams) refused.inc({ reason }, 0);
  const closed = new Counter({
    name: 'meshtrust_xds_connections_closed_total',
    help: 'Connections that were closed because they were over a budget, by the reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of closedConnections) closed.inc({ reason }, 0);
  const slow = new Gauge({
    name: 'meshtrust_xds_streams_slow',
    help: 'Streams whose proxy has not taken a response for a second or more.',
    registers,
  });
  const cutOff = new Counter({
    name: 'meshtrust_xds_streams_cut_off_total',
    help: 'Streams that were ended because their proxy took nothing any more.',
    registers,
  });
  const afterLargeSend = new Counter({
    name: 'meshtrust_xds_stream_closed_after_large_send_total',
    help: 'Streams that ended before the answer to a response of 1 MiB or more.',
    registers,
  });
  let waitingNow = 0;
  /** Those that were told of as slow and have not caught up. */
  const slowStreams = new Set<StreamInfo>();
  const notSlow = (stream: StreamInfo): void => {
    if (slowStreams.delete(stream)) slow.set(slowStreams.size);
  };
  /** Those that were sent something large and have not answered since. Nearly always empty. */
  const unanswered = new Set<StreamInfo>();

  return {
    streamsWaiting(count) {
      if (count > waitingNow) delayed.inc(count - waitingNow);
      waitingNow = count;
      waiting.set(count);
    },
    streamRefused: (reason) => refused.inc({ reason }),
    connectionClosed: (reason) => closed.inc({ reason }),
    slowed: (stream) => slow.set(slowStreams.add(stream).size),
    caughtUp: notSlow,
    cutOff: () => cutOff.inc(),
    response(stream, { bytes }) {
      if (bytes.length >= largeSend) unanswered.add(stream);
    },
    request(stream, kind) {
      if (unanswered.size > 0 && (kind === 'ack' || kind === 'nack')) unanswered.delete(stream);
    },
    streamClosed(stream) {
      notSlow(stream);
      if (unanswered.delete(stream)) afterLargeSend.inc();
    },
  };
}
