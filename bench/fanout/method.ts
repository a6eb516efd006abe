import { mostWarmUps } from './measure.ts';
import type { Security } from './security.ts';

const transportSecurity: Readonly<Record<Security, readonly string[]>> = {
  plain: [],
  tls: ['', 'Proxies connect with TLS 1.3 (X25519, AES-128-GCM, P-256 certificates) and resume no session.'],
  mtls: [
    '',
    'Proxies connect with mTLS: TLS 1.3 (X25519, AES-128-GCM, P-256 certificates), no session is resumed, and both',
    'servers verify the client certificate. meshtrust has `--xds-auth mtls --tls-client-ca`.',
  ],
};

/** Describes the figures, for readers of the report. `warmUp` is the number of pushes before the measurement. */
export const methodOf = (warmUp: number, security: Security): readonly string[] => [
  '# The cost of a change that is sent to many proxies',
  '',
  'A load generator simulates the proxies in a separate process. Each proxy has its own connection and one stream,',
  'subscribes to one secret, and acknowledges every response at once, as an Envoy does. The generator reads and writes the',
  'HTTP/2 frames itself (`bench/fanout/h2-client.ts`), because a client of `node:http2` needs more CPU for a response than',
  'the server. The benchmark captures the node from the first request of a real Envoy,',
  'and each proxy sends it with its own id. By default, Envoys repeat their node in every request; with',
  '`set_node_on_first_message_only`, they send it only in the first. Both servers serve the same bytes:',
  '',
  '- meshtrust as users start it. A change is a file that is renamed into the watched directory, so the figures',
  '  include reading the file, checking its certificates, metrics, and everything else that the program does.',
  '- `peers/go-control-plane`: the stock server of go-control-plane v0.14 over a `LinearCache` of Secrets, without',
  '  callbacks. A change is a `PUT` of the encoded secret.',
  '',
  'CPU is the time of all threads of the server, from `/proc/PID/task/*/schedstat`, from before the change until',
  '250 ms after the last proxy has received it, divided by the number of proxies. A server is left alone after its start',
  'until it is idle: meshtrust compiles its code then. Before the measurement, changes for',
  `${warmUp.toLocaleString('en')} pushes, at least 3 and at most ${mostWarmUps(warmUp)}, are made without being counted:`,
  'V8 compiles code that runs often. A burst is a sequence of changes without a pause. "While some do not read" is the',
  'median of 5 changes while some proxies have closed their windows, so that their responses stay in the server. Their',
  'memory is the growth of the server, divided by their number.',
  'Memory per stream is the resident memory with all proxies connected minus that with none. "The end of all',
  'connections" lasts until the server is idle again, and "reconnect" is of all proxies at once after that.',
  'Times are from the change to the receipt of the whole response. meshtrust needs some milliseconds before it',
  'sends, to notice, read and check the file.',
  ...transportSecurity[security],
];
