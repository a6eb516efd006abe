import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { stringField } from '../../src/xds/wire/write.ts';
import { startEnvoy } from '../../test/kit/envoy.ts';
import { findEnvoy } from '../../test/kit/find-envoy.ts';
import { fieldOf } from './messages.ts';

/** The node id. Each simulated proxy replaces its digits. */
const nodeId = 'proxy-000000';

/** A small node, which has only an id. */
export const bareNode: Uint8Array = stringField(1, nodeId);

/** Returns the node that the newest Envoy sends, or the reason why it is missing. */
export async function captureNode(): Promise<
  { readonly node: Buffer; readonly version: string } | { readonly missing: string }
> {
  const envoy = await findEnvoy('newest');
  if (envoy.kind === 'missing') return { missing: envoy.reason };
  const { promise: captured, resolve, reject } = Promise.withResolvers<Buffer>();
  // Reads the first request of the stream, and never responds.
  const server = createServer();
  server.on('stream', (stream) => {
    let bytes = Buffer.alloc(0);
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 5 || bytes.length < 5 + bytes.readUInt32BE(1)) return;
      const node = fieldOf(bytes.subarray(5, 5 + bytes.readUInt32BE(1)), 1);
      if (node === undefined) reject(new Error('the first request has no node'));
      else resolve(node);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const starting = startEnvoy({
      path: envoy.path,
      transport: 'delta-ads',
      xdsPort: port,
      nodeId,
      waitUntilLive: false,
    });
    const [node] = await Promise.all([captured, starting.then((running) => running[Symbol.asyncDispose]())]);
    return { node, version: envoy.version };
  } finally {
    server.close();
  }
}
