// Run as a process of its own: PORT ADDRESSES KEY. Opens streams to the xDS listener at PORT, without TLS, until it is
// killed. ADDRESSES: the number of loopback addresses that it uses (127.0.1.1, 127.0.1.2, …), or 0 for 127.0.0.1. Each
// has another token, which is well formed, for the right audience, names the key (`-`: one of its own), and has a
// signature of its own. Prints the number of ended streams four times a second.
import { hash } from 'node:crypto';
import { connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { message } from './http2-frames.ts';

const [port, addresses] = process.argv.slice(2, 4).map(Number);
const kid = process.argv[4];
/** Few for each of many addresses. */
const connections = addresses !== undefined && addresses > 10 ? 1 : 4;
const streamsOfConnection = addresses !== undefined && addresses > 10 ? 20 : 200;
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const type = Buffer.from('type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret');
/** A subscription to the resource `A`. */
const subscription = message(Buffer.concat([Buffer.of(0x12, type.length), type, Buffer.of(0x1a, 1, 0x41)]));
const headerOf = (keyId: string | undefined): string =>
  Buffer.from(JSON.stringify({ alg: 'ES256', kid: keyId })).toString('base64url');
const header = headerOf(kid);
const claims = Buffer.from(
  JSON.stringify({
    aud: ['meshtrust'],
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    sub: 'system:serviceaccount:edge:envoy',
  }),
).toString('base64url');

let ended = 0;
let made = 0;

function nextToken(): string {
  const random = hash('sha512', `${(made += 1)}`, 'base64url');
  return `${kid === '-' ? headerOf(random) : header}.${claims}.${random}`;
}

function open(localAddress: string): void {
  const session = connect('http://meshtrust', {
    createConnection: () => connectTcp({ host: '127.0.0.1', port: port ?? 0, localAddress }),
  });
  session.on('error', () => undefined);
  session.on('close', () => setTimeout(open, 20, localAddress));
  const next = (): void => {
    if (session.closed || session.destroyed) return;
    const stream = session.request({
      ':method': 'POST',
      ':path': ads,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${nextToken()}`,
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      ended += 1;
      setImmediate(next);
    });
    // The server has sent its status, and grpc-js would wait for the client.
    stream.on('end', () => stream.close());
    stream.write(subscription);
    stream.resume();
  };
  session.on('remoteSettings', () => {
    for (let count = 0; count < streamsOfConnection; count += 1) next();
  });
}

const origins =
  addresses === 0
    ? ['127.0.0.1']
    : Array.from({ length: addresses ?? 1 }, (_, index) => `127.0.1.${index + 1}`);
for (const address of origins) for (let count = 0; count < connections; count += 1) open(address);
setInterval(() => console.log(ended), 250);
