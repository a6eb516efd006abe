import type { FleetTracker } from '../../fleet/track-fleet.ts';
import type { XdsObserver } from '../../xds/index.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import type { FromWorker, WorkerCount } from './messages.ts';
import { createCensus } from './roster.ts';
import { collectStreams, reportDelayMs } from './share-streams.ts';

/** The interval of reports while proxies are lost and nothing else changes, in ms. */
const lostCensusMs = 1_000;
/** The same while a proxy is connected and behind. An ended stream of it may count until the lost window passes. */
const behindCensusMs = 10_000;

/** Reports the counts of proxies with a delay after a change, because thousands of proxies can change at once. */
export function reportCounts(
  send: (message: FromWorker) => void,
  tracker: FleetTracker,
  counts: () => ReadonlyMap<string, WorkerCount>,
): { readonly observer: XdsObserver; readonly changed: () => void } {
  let timer: NodeJS.Timeout | undefined;
  /** The next report if nothing changes before. */
  let idle: NodeJS.Timeout | undefined;
  const census = createCensus(tracker);
  const streams = collectStreams();
  const changed = (): void => {
    timer ??= setTimeout(report, timerMs(reportDelayMs)).unref();
  };
  const report = (): void => {
    clearTimeout(timer);
    clearTimeout(idle);
    timer = undefined;
    const proxies = counts();
    send({ kind: 'proxies', proxies, change: census(Date.now()), streams: streams.take() });
    // The end of the lost window has no event.
    const isLost = proxies.values().some(({ lost }) => lost > 0);
    const isBehind = proxies.values().some(({ connected, acked }) => acked < connected);
    if (isLost || isBehind)
      idle = setTimeout(report, timerMs(isLost ? lostCensusMs : behindCensusMs)).unref();
  };
  return {
    changed,
    observer: {
      // The first request names the mesh, and later ones can subscribe to secrets that the proxy does not have yet.
      request: (stream, request) => {
        streams.observer.request(stream, request);
        const { kind } = request;
        if (kind !== 'ack' && kind !== 'nack') changed();
      },
      acked: changed,
      quoted: changed,
      nacked: changed,
      dropped: changed,
      streamClosed: (stream, end) => {
        streams.observer.streamClosed(stream, end);
        changed();
      },
    },
  };
}
