// Run as a process of its own: PORT COUNT MILLISECONDS. Keeps COUNT connections to a port of this machine open, each
// idle after one request, and opens another one for each that the server closes. Prints `open` once all are open.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const [port = 0, count = 0, milliseconds = 0] = process.argv.slice(2).map(Number);
const sockets = new Set<Socket>();

function open(): void {
  const socket = connect(port, '127.0.0.1', () =>
    socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
  );
  sockets.add(socket.resume());
  socket.on('error', () => undefined);
  socket.on('close', () => {
    sockets.delete(socket);
    setImmediate(open);
  });
}

for (let index = 0; index < count; index += 1) open();
setTimeout(() => console.log('open'), 200);
setTimeout(() => process.exit(), milliseconds);
