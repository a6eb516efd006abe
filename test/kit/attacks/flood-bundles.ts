// Run as a process of its own: PORT KIND PATH. Attacks the bundle endpoint at PORT of this machine, from the address
// 127.0.0.2, until the process is ended. Prints `attacking` once the server has accepted connections.
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const [, , portText, kind = '', path = '/'] = process.argv;
const port = Number(portText);
const from = { host: '127.0.0.1', port, localAddress: '127.0.0.2' };
let accepted = 0;

function started(): void {
  accepted += 1;
  if (accepted === 20) console.log('attacking');
}

/** Keeps `count` connections open, and opens another one for each that ends. */
function keep(count: number, open: () => Socket): void {
  for (let index = 0; index < count; index += 1) {
    const next = (): void => {
      const socket = open();
      socket.on('error', () => undefined);
      socket.on('close', () => setImmediate(next));
    };
    next();
  }
}

const secure = (onOpen: (socket: Socket) => void): Socket => {
  const socket = connectTls({ ...from, rejectUnauthorized: false }, () => {
    started();
    onOpen(socket);
  });
  return socket;
};
const requestHead = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`;

const attacks: Readonly<Record<string, () => void>> = {
  // Connections that say nothing.
  connections: () => keep(600, () => connectTcp(from, started)),
  // The beginning of a handshake, and nothing after it.
  handshakes: () =>
    keep(300, () => {
      const socket = connectTcp(from, () => {
        started();
        socket.write(Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]));
      });
      return socket;
    }),
  // Handshakes to their end, again and again: the most expensive part of a connection.
  'whole-handshakes': () => keep(16, () => secure((socket) => socket.destroy())),
  // Headers that arrive byte by byte.
  'slow-headers': () =>
    keep(300, () =>
      secure((socket) => {
        socket.write(requestHead);
        const timer = setInterval(() => socket.write('X-Slow: 1\r\n'), 200);
        socket.on('close', () => clearInterval(timer));
      }),
    ),
  // Requests without a pause.
  requests: () =>
    keep(32, () =>
      secure((socket) => {
        const send = (): void => void socket.write(`${requestHead}\r\n`);
        socket.on('data', send);
        send();
      }),
    ),
  // Headers that are longer than the limit.
  'big-headers': () =>
    keep(32, () => secure((socket) => socket.write(`${requestHead}X-Big: ${'x'.repeat(64 * 1024)}\r\n\r\n`))),
  // The client does not read the responses.
  unread: () =>
    keep(64, () =>
      secure((socket) => {
        socket.pause();
        socket.write(`${requestHead}\r\n`);
      }),
    ),
};

const attack = attacks[kind];
if (attack === undefined) throw new Error(`there is no attack ${kind}`);
attack();
// Connections that are not read do not keep the process running.
setInterval(() => undefined, 60_000);
