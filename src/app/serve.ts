import { createServer } from 'node:http';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { createLedger } from '../ledger/ledger.ts';
import { createMeshBuilder } from '../snapshot/mesh-builder.ts';
import { createPublisher, secretTypeUrl } from '../snapshot/publisher.ts';
import { watchDirectory } from '../source/directory/watch-directory.ts';
import { createAnchorReader } from '../x509/anchor-reader.ts';
import { addXdsServices, createSnapshotStore } from '../xds/index.ts';
import { systemClock } from './clock.ts';
import { createPipeline } from './pipeline.ts';
import type { ServeOptions } from './serve-options.ts';

/** Runs the server until the signal is aborted, then drains it. */
export async function serve(
  options: ServeOptions,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const log = pino({ level: options.logLevel });
  const secretOptions = { rootTrustDomain: options.rootTrustDomain };
  const store = createSnapshotStore();
  const publish = createPublisher(store, secretOptions);
  const pipeline = createPipeline({
    ledger: createLedger(['files'], { holdMs: options.guardHold }),
    builder: createMeshBuilder(
      { distrusted: new Set(), refuseIntermediates: options.refuseIntermediates ?? false },
      secretOptions,
    ),
    parse: {
      defaultMesh: options.defaultMesh,
      reader: createAnchorReader({ maxBytes: options.cacheBytes }),
      limits: { documentLength: options.maxDocumentBytes, certificatesPerResource: options.maxCertificates },
    },
    guardHoldMs: options.guardHold,
    clock: systemClock,
    observe: (event) => {
      if (event.kind === 'served') publish(event.states);
      log.info({ event: event.kind }, event.kind);
    },
  });
  const server = new Server();
  const xds = addXdsServices(server, store, {
    groupOf: (node) =>
      typeof node.metadata?.['mesh'] === 'string' ? node.metadata['mesh'] : options.defaultMesh,
    types: { [secretTypeUrl]: { oneResourcePerResponse: true } },
    otherTypes: { unset: 'empty' },
    limits: { names: options.maxNames },
    observer: { nacked: (stream, nack) => log.warn({ node: stream.nodeId, ...nack }, 'nack') },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(options.xdsListen, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  const admin = createServer((request, response) => {
    const ready = pipeline.view().readiness.kind === 'ready';
    response.statusCode = request.url === '/readyz' && !ready ? 503 : 200;
    response.end();
  });
  const [host, port] = options.adminListen.split(':');
  admin.listen(Number(port), host);
  const source = watchDirectory({ roots: options.dirs, name: 'files' }, (events) =>
    pipeline.deliver('files', events),
  );
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await source.close();
  pipeline.close();
  await xds.drain(options.drainGrace);
  server.forceShutdown();
  admin.close();
}
