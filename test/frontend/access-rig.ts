import { writeFile } from 'node:fs/promises';
import { Metadata, credentials } from '@grpc/grpc-js';
import type { DecideAccess } from '../../src/access/claim.ts';
import { startXdsEndpoint } from '../../src/frontend/xds-endpoint.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import type { ProxyOptions, XdsAuthOptions } from '../../src/runtime/serve-options.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import { createSnapshotStore } from '../../src/xds/index.ts';
import type { Denied, StreamInfo, XdsObserver } from '../../src/xds/index.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';
import { proxyOptions } from '../kit/proxy-options.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { createClient } from '../xds/client.ts';
import type { XdsClient } from '../xds/client.ts';
import { setOf } from '../xds/vocabulary.ts';

/** The CA of the server. */
export const serverCa: Certificate = makeCa({ commonName: 'Server CA' });
const server = makeLeaf(serverCa, { dnsNames: ['localhost'] });

/** The endpoint of proxies with TLS on loopback, and what it observed. Its meshes are `mesh-a` and `mesh-b`. */
export interface Rig extends AsyncDisposable {
  readonly address: string;
  readonly connect: (identity?: Certificate, chain?: readonly Certificate[], token?: string) => XdsClient;
  readonly denied: Denied[];
  readonly streams: Set<StreamInfo>;
  /** Every event of requests, ACKs and NACKs. */
  readonly events: string[];
}

export interface RigOptions {
  readonly xdsTransport: 'grpc-js' | 'own';
  readonly auth: XdsAuthOptions;
  readonly decide: DecideAccess;
  readonly clientCa?: Certificate;
  readonly options?: Partial<ProxyOptions>;
}

/** Starts the endpoint. */
export async function startRig({ xdsTransport, auth, decide, clientCa, options }: RigOptions): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const files = { 'tls.crt': server.certPem, 'tls.key': server.keyPem, 'ca.crt': clientCa?.certPem ?? '' };
  for (const [name, text] of Object.entries(files)) await writeFile(dir.join(name), text);
  const store = createSnapshotStore();
  for (const mesh of ['mesh-a', 'mesh-b']) store.set(mesh, secretTypeUrl, setOf({ ALL: mesh }));
  const denied: Denied[] = [];
  const streams = new Set<StreamInfo>();
  const events: string[] = [];
  const observer: XdsObserver = {
    denied: (one) => denied.push(one),
    streamOpened: (stream) => streams.add(stream),
    streamClosed: (stream) => streams.delete(stream),
    request: ({ nodeId, group }) => events.push(`request ${nodeId} ${group}`),
    acked: ({ nodeId, group }) => events.push(`ack ${nodeId} ${group}`),
    nacked: ({ nodeId, group }) => events.push(`nack ${nodeId} ${group}`),
  };
  const endpoint = await startXdsEndpoint({
    options: {
      ...proxyOptions,
      xdsTransport,
      tls: {
        certificate: dir.join('tls.crt'),
        key: dir.join('tls.key'),
        clientCa: clientCa && dir.join('ca.crt'),
      },
      xdsAuth: auth,
      ...options,
    },
    store,
    observer,
    log: createLogger({ format: 'json', level: 'error' }),
    authFailed: () => undefined,
    decide,
  });
  stack.defer(() => endpoint.drain(0));
  const owned = stack.move();
  return {
    address: endpoint.address,
    denied,
    streams,
    events,
    connect: (identity, chain = [], token) => {
      const pem = identity && [identity, ...chain].map(({ certPem }) => certPem).join('');
      const tls = credentials.createSsl(
        Buffer.from(serverCa.certPem),
        identity ? Buffer.from(identity.keyPem) : null,
        pem === undefined ? null : Buffer.from(pem),
      );
      const metadata = new Metadata();
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
      const call = credentials.createFromMetadataGenerator((_, done) => done(null, metadata));
      return createClient(
        endpoint.address,
        { 'grpc.ssl_target_name_override': 'localhost' },
        tls.compose(call),
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
