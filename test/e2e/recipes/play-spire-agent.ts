import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';

import { loadProtos } from '../../../src/xds/server/package-definition.ts';
import { concat, field, stringField } from '../../../src/xds/wire/write.ts';
import type { Certificate } from '../../kit/certificates.ts';

const service = 'envoy.service.secret.v3.SecretDiscoveryService';
const typeUrl = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

interface Request {
  readonly resource_names: readonly string[];
  readonly version_info: string;
  readonly response_nonce: string;
}

/** The SDS server of a SPIRE agent. */
interface SpireAgent extends AsyncDisposable {
  /** The names that clients subscribed to. */
  readonly requested: () => ReadonlySet<string>;
  /** Replaces the certificate of the workload, and waits until a client has accepted it. */
  readonly rotate: (leaf: Pick<Certificate, 'certPem' | 'keyPem'>) => Promise<void>;
}

/**
 * Plays the SDS server of a SPIRE agent on a Unix socket: state of the world only, with the certificate of a workload
 * under one name: its SPIFFE ID, or `default`. Every other name gets no answer.
 */
export async function playSpireAgent(
  socket: string,
  name: string,
  leaf: Pick<Certificate, 'certPem' | 'keyPem'>,
): Promise<SpireAgent> {
  const definition = loadProtos()[service] as ServiceDefinition;
  const requested = new Set<string>();
  const streams = new Set<ServerDuplexStream<Request, object>>();
  let [version, secret] = [1, encodeSecret(name, leaf)];
  let accepted: (() => void) | undefined;
  const send = (stream: ServerDuplexStream<Request, object>): void => {
    const resources = [{ type_url: typeUrl, value: secret }];
    stream.write({ version_info: `${version}`, resources, type_url: typeUrl, nonce: `${version}` });
  };
  const streamSecrets = (stream: ServerDuplexStream<Request, object>): void => {
    stream.on('data', ({ resource_names: names, version_info: has, response_nonce: nonce }: Request) => {
      for (const one of names) requested.add(one);
      if (!names.includes(name)) return;
      streams.add(stream);
      if (has === `${version}`) accepted?.();
      // Each version is sent once: an ACK or NACK of an earlier one needs no answer.
      else if (nonce === '') send(stream);
    });
    stream.on('close', () => streams.delete(stream));
    stream.on('end', () => stream.end());
    stream.on('error', () => undefined);
  };
  const server = new Server();
  const { StreamSecrets: method } = definition;
  if (method === undefined) throw new Error('no StreamSecrets');
  server.addService({ StreamSecrets: method }, { StreamSecrets: streamSecrets });
  const bound = Promise.withResolvers<void>();
  server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
    error === null ? bound.resolve() : bound.reject(error),
  );
  await bound.promise;
  return {
    requested: () => requested,
    rotate: async (next) => {
      version += 1;
      secret = encodeSecret(name, next);
      const { promise, resolve } = Promise.withResolvers<void>();
      accepted = resolve;
      for (const stream of streams) send(stream);
      await promise;
    },
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

/** Encodes a Secret with a TlsCertificate, whose chain and key are inline strings. */
function encodeSecret(name: string, { certPem, keyPem }: Pick<Certificate, 'certPem' | 'keyPem'>): Buffer {
  const inline = (number: number, text: string) => field(number, stringField(3, text));
  const certificate = field(2, inline(1, certPem), inline(2, keyPem));
  return Buffer.from(concat([stringField(1, name), certificate]));
}
