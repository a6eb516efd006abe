import { createHash, X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificates.ts';

/** A SPIFFE bundle endpoint that a test controls. */
export interface BundleEndpoint extends AsyncDisposable {
  readonly port: number;
  /** `https://localhost:PORT/`. */
  readonly url: string;
  /** The requests so far. */
  readonly requests: IncomingMessage[];
  /** Replaces the document that it serves with an ETag. */
  serve(document: unknown): void;
  /** Replaces the response to each request. */
  respond(handler: (request: IncomingMessage, response: ServerResponse) => void): void;
  /** Replaces its certificate. */
  present(leaf: Pick<Certificate, 'certPem' | 'keyPem'>): void;
}

/** Starts an endpoint on a loopback address, on a free port by default. */
export async function startBundleEndpoint(
  leaf: Pick<Certificate, 'certPem' | 'keyPem'>,
  document: unknown,
  { port = 0, ...tls }: { readonly port?: number } & ServerOptions = {},
): Promise<BundleEndpoint> {
  const requests: IncomingMessage[] = [];
  let handler: (request: IncomingMessage, response: ServerResponse) => void;
  const server = createServer({ ...tls, cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
    requests.push(request);
    handler(request, response);
  });
  const serve = (next: unknown): void => {
    const text = typeof next === 'string' ? next : JSON.stringify(next);
    const etag = `"${createHash('sha256').update(text).digest('hex').slice(0, 16)}"`;
    handler = (request, response) => {
      const isKnown = request.headers['if-none-match'] === etag;
      response.writeHead(isKnown ? 304 : 200, { 'content-type': 'application/json', etag });
      response.end(isKnown ? undefined : text);
    };
  };
  serve(document);
  server.on('tlsClientError', () => undefined);
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen(port, '127.0.0.1', listening.resolve);
  await listening.promise;
  const { port: bound } = server.address() as AddressInfo;
  return {
    port: bound,
    url: `https://localhost:${bound}/`,
    requests,
    serve,
    respond(next) {
      handler = next;
    },
    present: (next) => server.setSecureContext({ ...tls, cert: next.certPem, key: next.keyPem }),
    [Symbol.asyncDispose]: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

/** Returns the key of a CA certificate in a SPIFFE bundle. */
export function bundleKey({ der }: Pick<Certificate, 'der'>): Record<string, unknown> {
  const jwk = new X509Certificate(der).publicKey.export({ format: 'jwk' });
  return { use: 'x509-svid', ...jwk, x5c: [Buffer.from(der).toString('base64')] };
}

/** Returns the SPIFFE bundle of CA certificates. */
export function bundleDocument(
  cas: readonly Pick<Certificate, 'der'>[],
  hints: { readonly sequence?: number; readonly refreshHint?: number } = {},
): Record<string, unknown> {
  return {
    keys: cas.map(bundleKey),
    ...(hints.sequence === undefined ? {} : { spiffe_sequence: hints.sequence }),
    ...(hints.refreshHint === undefined ? {} : { spiffe_refresh_hint: hints.refreshHint }),
  };
}

/** Returns a ClusterFederatedTrustDomain as YAML (JSON). The profile is `https_spiffe` if `id` is given. */
export function federatedText(options: {
  readonly trustDomain: string;
  readonly url: string;
  readonly id?: string;
  readonly bundle?: unknown;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly className?: string;
}): string {
  const { trustDomain, url, id, bundle, name = 'peer', labels, annotations, className } = options;
  return `${JSON.stringify({
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterFederatedTrustDomain',
    metadata: { name, labels, annotations },
    spec: {
      trustDomain,
      className,
      bundleEndpointURL: url,
      bundleEndpointProfile:
        id === undefined ? { type: 'https_web' } : { type: 'https_spiffe', endpointSPIFFEID: id },
      trustDomainBundle: bundle === undefined ? undefined : JSON.stringify(bundle),
    },
  })}\n`;
}
