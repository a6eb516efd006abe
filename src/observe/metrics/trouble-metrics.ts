import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { closedConnections, refusedStreams } from '../../xds/index.ts';
import type { Outgoing, RequestKind, StreamInfo, XdsObserver } from '../../xds/index.ts';

/** The metrics of streams in trouble. The metrics of all streams forward these events. */
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
 * The size of a large response, in bytes. A proxy whose limit is smaller than a response (`google_grpc`: 4 MiB)
 * sends no NACK: it disconnects, reconnects and is sent the same response again.
 */
export const largeSend = 1024 * 1024;

/** Registers the metrics of streams that wait, are rejected, do not read, or end before they answer a response. */
export function createTroubleMetrics(registry: Registry): TroubleMetrics {
  const registers = [registry];
  const waiting = new Gauge({
    name: 'meshtrust_xds_streams_waiting',
    help: 'Streams that wait to be opened, because they exceed the rate.',
    registers,
  });
  const delayed = new Counter({
    name: 'meshtrust_xds_streams_delayed_total',
    help: 'Streams that waited to be opened, because they exceeded the rate.',
    registers,
  });
  const refused = new Counter({
    name: 'meshtrust_xds_streams_refused_total',
    help: 'Streams that were rejected, by reason.',
    labelNames: ['reason'],
    registers,
  });
  // An alert on an increase needs an initial value.
  for (const reason of refusedStreams) refused.inc({ reason }, 0);
  const closed = new Counter({
    name: 'meshtrust_xds_connections_closed_total',
    help: 'Connections that were closed because they exceeded a limit, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of closedConnections) closed.inc({ reason }, 0);
  const slow = new Gauge({
    name: 'meshtrust_xds_streams_slow',
    help: 'Streams whose proxy has not read a response for a second or more.',
    registers,
  });
  const cutOff = new Counter({
    name: 'meshtrust_xds_streams_cut_off_total',
    help: 'Streams that were closed because their proxy stopped reading.',
    registers,
  });
  const afterLargeSend = new Counter({
    name: 'meshtrust_xds_stream_closed_after_large_send_total',
    help: 'Streams that ended before the ACK or NACK of a response of 1 MiB or more.',
    registers,
  });
  let waitingNow = 0;
  /** Streams that were reported as slow and have not caught up. */
  const slowStreams = new Set<StreamInfo>();
  const notSlow = (stream: StreamInfo): void => {
    if (slowStreams.delete(stream)) slow.set(slowStreams.size);
  };
  /** Streams that were sent a large response and have not answered it. Nearly always empty. */
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
