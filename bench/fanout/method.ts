import { mostWarmUps } from './measure.ts';

/** What the figures are, for those who read the report alone; `warmUp`: pushes before those that count. */
export const methodOf = (warmUp: number): readonly string[] => [
  '# What a change costs that goes out to many proxies',
  '',
  'A load generator, in a process of its own, plays the proxies: each has a connection of its own (HTTP/2 by',
  '`node:http2`), one stream, and subscribes to one secret; it acknowledges every response at once, as an',
  'Envoy does. The node that it sends is captured by the benchmark from the first request of a real Envoy,',
  'and each proxy puts an id of its own into it; by default Envoys repeat their node in every request, with',
  '`set_node_on_first_message_only` in the first alone. Both servers serve the same bytes:',
  '',
  '- meshtrust as users start it. A change is a file that is renamed into the watched directory, so reading it,',
  '  checking its certificates, metrics and all else that the program does is in the figures.',
  '- `peers/go-control-plane`: the stock server of go-control-plane v0.14 over a `LinearCache` of Secrets, without',
  '  callbacks. A change is a `PUT` of the encoded secret.',
  '',
  'CPU is that of all threads of the server, from `/proc/PID/task/*/schedstat`, from before the change until',
  '250 ms after the last proxy has received it, divided by the number of proxies. Changes for some',
  `${warmUp.toLocaleString('en')} pushes, at least 3 and at most ${mostWarmUps(warmUp)}, come before the ones that count:`,
  'V8 compiles what runs often. A burst is of changes one after the other without a pause. "Beside those that',
  'do not read" is the median of 5 changes while some proxies have closed their windows, so that what they do',
  'not take stays with the server; its memory is what grows by that, divided by their number.',
  'Memory a stream is resident memory with all proxies connected less that with none. "The end of all',
  'connections" is until the server does nothing any more, and "reconnect" is all proxies at once after that.',
  'Times are from the change to the receipt of the whole response; meshtrust reads and coalesces for some',
  'milliseconds before it sends.',
];
