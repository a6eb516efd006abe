import { createEventShare } from './event-share.ts';
import { listen } from './event-stream.ts';

/*
 * The shared worker of all tabs of a browser has the only event stream. Over HTTP/1.1 a browser opens six connections
 * to a server, so the streams of six tabs would leave none for the requests of any tab.
 */

const share = createEventShare(Date.now);

addEventListener('connect', (event) => {
  for (const port of (event as MessageEvent).ports) {
    const leave = share.join((message) => port.postMessage(message));
    // The tab was closed or loaded again. Some browsers do not have this event: there, its messages go nowhere.
    port.addEventListener('close', leave);
    port.addEventListener('message', () => port.postMessage({ kind: 'alive' }));
    port.start();
  }
});

listen(share.listener, {
  open: () => new EventSource('/api/v1/events'),
  after: (milliseconds, work) => void setTimeout(work, milliseconds),
  now: Date.now,
});
