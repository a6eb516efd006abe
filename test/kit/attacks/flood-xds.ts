// Run as a process of its own: PORT KIND MILLISECONDS. Attacks the xDS listener at PORT of this machine, without
// credentials, until SIGTERM, or for the given time at most. Prints `attacking` at the start, and the number of ended
// connections so far four times a second.
import type { EventEmitter } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import {
  data,
  emptyFrames,
  endlessHeaders,
  firstHeaders,
  hello,
  message,
  moreHeaders,
  noUpdate,
  reset,
} from './http2-frames.ts';

const [portText, kind = '', millisecondsText] = process.argv.slice(2);
const [port, milliseconds] = [Number(portText), Number(millisecondsText)];

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
const health = '/grpc.health.v1.Health/Check';
const subscription = Buffer.concat([
  lengthDelimited(2, Buffer.from('type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret')),
  lengthDelimited(3, Buffer.from('ALL')),
]);

let cutOff = 0;
let isFirst = true;
function begun(): void {
  if (isFirst) console.log('attacking');
  isFirst = false;
}

/** Counts the end of a connection, and opens the next one. */
function reopen(connection: EventEmitter, open: () => void): void {
  connection.on('error', () => undefined);
  connection.on('close', () => {
    cutOff += 1;
    setTimeout(open, 20);
  });
}

/** Headers of a stream of the aggregated discovery service. */
const subscribing = { ':method': 'POST', ':path': ads, 'content-type': 'application/grpc', te: 'trailers' };

interface Flood {
  readonly connections: number;
  readonly path: string;
  /** The frames that follow the headers of each stream. */
  readonly follow: (stream: number) => Buffer;
  /** Whether responses are read. */
  readonly reads?: boolean;
}

const nothing = Buffer.alloc(0);
/** `file_containing_symbol`, twenty times. */
const reflectionRequests = Buffer.concat(
  Array.from({ length: 20 }, () =>
    message(lengthDelimited(4, Buffer.from('envoy.service.discovery.v3.DiscoveryRequest'))),
  ),
);

const floods: Readonly<Record<string, Flood>> = {
  'unknown-method': { connections: 2, path: '/unknown.Service/Method', follow: () => nothing },
  'streams-without-request': { connections: 2, path: ads, follow: () => nothing },
  resets: { connections: 4, path: ads, follow: reset },
  'resets-by-the-server': { connections: 4, path: ads, follow: noUpdate },
  'requests-and-resets': {
    connections: 4,
    path: ads,
    follow: (stream) => Buffer.concat([data(stream, message(subscription)), reset(stream)]),
  },
  requests: { connections: 4, path: ads, follow: (stream) => data(stream, message(subscription)) },
  reflection: {
    connections: 2,
    path: reflection,
    follow: (stream) => data(stream, reflectionRequests),
    reads: false,
  },
  health: { connections: 2, path: health, follow: (stream) => data(stream, message(nothing)) },
};

function flood({ connections, path, follow, reads = true }: Flood): void {
  for (let index = 0; index < connections; index += 1) open();

  function open(): void {
    const socket = connect(port, '127.0.0.1');
    let stream = 1;
    let isOpen = true;
    const write = (): void => {
      if (!isOpen) return;
      const frames: Buffer[] = stream === 1 ? [hello, firstHeaders(1, path), follow(1)] : [];
      for (let count = 0; count < 1000; count += 1) {
        stream += 2;
        frames.push(moreHeaders(stream), follow(stream));
      }
      if (socket.write(Buffer.concat(frames))) setImmediate(write);
      begun();
    };
    socket.on('connect', write);
    socket.on('drain', write);
    if (reads) socket.resume();
    socket.on('close', () => {
      isOpen = false;
    });
    reopen(socket, open);
  }
}

/** Repeats bytes without end after a beginning, on four connections that read nothing. */
function repeat(first: Buffer, more: Buffer): void {
  const block = Buffer.concat(Array.from({ length: 1000 }, () => more));
  for (let index = 0; index < 4; index += 1) open();

  function open(): void {
    const socket = connect(port, '127.0.0.1');
    const write = (): void => {
      begun();
      while (!socket.destroyed && socket.write(block));
    };
    socket.on('connect', () => {
      socket.write(Buffer.concat([hello, first]));
      write();
    });
    socket.on('drain', write);
    reopen(socket, open);
  }
}

/** Sends incomplete requests on many streams of three connections. */
function unfinished(): void {
  const most = message(Buffer.alloc(500_000)).subarray(0, 499_000);
  for (let index = 0; index < 3; index += 1) open();

  function open(): void {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    reopen(session, open);
    session.on('connect', () => {
      for (let count = 0; count < 200; count += 1) {
        session
          .request(subscribing)
          .on('error', () => undefined)
          .write(most);
      }
      begun();
    });
  }
}

/** Sends requests without end on one stream per connection. Reopens a stream that ends. */
function withoutEnd(connections: number, request: Buffer): void {
  for (let index = 0; index < connections; index += 1) open();

  function open(): void {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    reopen(session, open);
    const openStream = (): void => {
      if (session.destroyed) return;
      const stream = session.request(subscribing).on('error', () => undefined);
      stream.resume();
      stream.on('close', () => setImmediate(openStream));
      const write = (): void => {
        if (stream.destroyed) return;
        if (stream.write(request)) setImmediate(write);
        else stream.once('drain', write);
      };
      write();
      begun();
    };
    session.on('connect', openStream);
  }
}

/** Sends incomplete requests of reflection, which grpc-js reads. */
function unfinishedReflection(): void {
  const most = message(Buffer.alloc(520_000)).subarray(0, 519_000);
  for (let index = 0; index < 4; index += 1) open();

  function open(): void {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    reopen(session, open);
    session.on('connect', () => {
      const call = { ...subscribing, ':path': reflection };
      for (let count = 0; count < 99; count += 1) {
        session
          .request(call)
          .on('error', () => undefined)
          .write(most);
      }
      begun();
    });
  }
}

/** Returns a request that repeats one name. */
function withNames(count: number): Buffer {
  const names = Array.from({ length: count }, () => lengthDelimited(3, Buffer.from('a')));
  return message(Buffer.concat([subscription, ...names]));
}

/** Opens TLS handshakes that stop after the first bytes. */
function handshakes(): void {
  for (let index = 0; index < 2_000; index += 1) open();

  function open(): void {
    const socket = connect(port, '127.0.0.1', () => {
      // The header of a record, and the beginning of a ClientHello.
      socket.write(Buffer.from('16030102000100', 'hex'));
      begun();
    });
    reopen(socket, open);
  }
}

/** Sends first requests whose node has as many fields of metadata as fit, one after another. */
function metadata(): void {
  const request = message(requestWithMetadata());
  for (let index = 0; index < 4; index += 1) open();

  function open(): void {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    reopen(session, open);
    const next = (): void => {
      if (session.destroyed) return;
      const stream = session.request(subscribing);
      stream.on('error', () => undefined);
      stream.once('data', () => stream.close());
      stream.once('close', () => setImmediate(next));
      stream.write(request);
      begun();
    };
    session.on('connect', next);
  }
}

/** Returns a request for the merged secret of just below 512 KiB, mostly fields of metadata. */
function requestWithMetadata(): Buffer {
  const fields = Array.from({ length: 33_000 }, (_, index) => {
    const key = Buffer.from(index.toString(36).padStart(4, '0'));
    return Buffer.concat([
      Buffer.from([0x0a, 12, 0x0a, 4]),
      key,
      Buffer.from([0x12, 4, 0x1a, 2, 0x61, 0x62]),
    ]);
  });
  const node = lengthDelimited(1, lengthDelimited(3, Buffer.concat(fields)));
  return Buffer.concat([node, subscription]);
}

function lengthDelimited(field: number, value: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = value.length; ; rest >>>= 7) {
    if (rest < 128) {
      length.push(rest);
      break;
    }
    length.push((rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from([field * 8 + 2, ...length]), value]);
}

const found = floods[kind];
if (found !== undefined) flood(found);
else if (kind === 'unfinished') unfinished();
else if (kind === 'unfinished-reflection') unfinishedReflection();
else if (kind === 'long-lists') withoutEnd(4, withNames(170_000));
else if (kind === 'requests-without-end') withoutEnd(16, withNames(900));
else if (kind === 'metadata') metadata();
else if (kind === 'endless-headers') repeat(...endlessHeaders);
else if (emptyFrames[kind] !== undefined) repeat(firstHeaders(1, ads), emptyFrames[kind]);
else if (kind === 'handshakes') handshakes();
else throw new Error(`no attack ${kind}`);
setInterval(() => console.log(`cut off ${cutOff} times`), 250);
process.on('SIGTERM', () => process.exit());
setTimeout(() => process.exit(), milliseconds);
