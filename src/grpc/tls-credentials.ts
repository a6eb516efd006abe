import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { experimental } from '@grpc/grpc-js';
import type { ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from '../telemetry/log.ts';
import { readTlsMaterial } from './tls-material.ts';
import type { TlsFileContents, TlsMaterial, TlsMaterialResult } from './tls-material.ts';

export interface TlsCredentialsOptions {
  /** Path of the server's certificate chain, PEM. */
  readonly certificate: string;
  /** Path of its private key, PEM. */
  readonly key: string;
  /** Path of the authorities that must have signed the certificates of clients; without it, none are asked for. */
  readonly clientCa: string | undefined;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** How often the files are read again, in milliseconds; default 5,000. */
  readonly pollMs?: number | undefined;
}

/** Credentials that follow their files. */
export interface TlsCredentials {
  readonly credentials: ServerCredentials;
  /** What new connections are served with. */
  current(): TlsMaterial;
  /** Reads the files now. What cannot be used changes nothing, and is logged once. */
  reload(): Promise<void>;
  close(): void;
}

type Provider = experimental.CertificateProvider;

/**
 * Makes server credentials of files and renews them when the files change. Open connections go on as they
 * are; a pair that is half renewed, or broken, leaves what is in use.
 * @throws {Error} when the files cannot be used at the start.
 */
export async function createTlsCredentials(options: TlsCredentialsOptions): Promise<TlsCredentials> {
  const { log, pollMs = 5000 } = options;
  const first = await readFiles(options);
  if (first.result.kind === 'refused') throw new Error(`TLS cannot be set up: ${first.result.reason}`);
  let material = first.result.material;
  let seen = first.digest;
  logLoaded(log, material, 'TLS certificate loaded');
  const { provider, update } = createProvider(() => material);

  const reload = async (): Promise<void> => {
    const { digest, result } = await readFiles(options);
    if (digest === seen) return;
    seen = digest;
    if (result.kind === 'refused') {
      const text = `the TLS files changed and cannot be used, the old ones stay in use: ${result.reason}`;
      return log.error({ event: 'tls-refused', reason: result.reason }, text);
    }
    material = result.material;
    update();
    logLoaded(log, material, 'TLS certificate renewed: new connections get it');
  };
  let reading = false;
  const timer = setInterval(() => {
    if (reading) return;
    reading = true;
    void reload().finally(() => (reading = false));
  }, pollMs).unref();

  return {
    // The parameters are declared in the other order than they are used: the first is the server's own.
    credentials: experimental.createCertificateProviderServerCredentials(
      provider,
      options.clientCa === undefined ? null : provider,
      options.clientCa !== undefined,
    ),
    current: () => material,
    reload,
    close: () => clearInterval(timer),
  };
}

/** What grpc-js asks for certificates, and what tells it of new ones. */
function createProvider(current: () => TlsMaterial): {
  readonly provider: Provider;
  readonly update: () => void;
} {
  const identity = new Set<experimental.IdentityCertificateUpdateListener>();
  const authorities = new Set<experimental.CaCertificateUpdateListener>();
  const tellIdentity = (listener: experimental.IdentityCertificateUpdateListener): void => {
    const { certificate, key } = current();
    listener({ certificate, privateKey: key });
  };
  const tellAuthorities = (listener: experimental.CaCertificateUpdateListener): void => {
    const { clientCa } = current();
    listener(clientCa === undefined ? null : { caCertificate: clientCa });
  };
  const provider: Provider = {
    // The first answer must not come within the call: grpc-js is not yet listening for it.
    addIdentityCertificateListener: (listener) => {
      identity.add(listener);
      process.nextTick(tellIdentity, listener);
    },
    removeIdentityCertificateListener: (listener) => void identity.delete(listener),
    addCaCertificateListener: (listener) => {
      authorities.add(listener);
      process.nextTick(tellAuthorities, listener);
    },
    removeCaCertificateListener: (listener) => void authorities.delete(listener),
  };
  const update = (): void => {
    for (const listener of identity) tellIdentity(listener);
    for (const listener of authorities) tellAuthorities(listener);
  };
  return { provider, update };
}

/** `digest` tells contents, or what kept them from being read, apart. */
async function readFiles(
  paths: Pick<TlsCredentialsOptions, 'certificate' | 'key' | 'clientCa'>,
): Promise<{ readonly digest: string; readonly result: TlsMaterialResult }> {
  try {
    const contents: TlsFileContents = {
      certificate: await readFile(paths.certificate),
      key: await readFile(paths.key),
      clientCa: paths.clientCa === undefined ? undefined : await readFile(paths.clientCa),
    };
    return { digest: digestOf(contents), result: readTlsMaterial(contents) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { digest: reason, result: { kind: 'refused', reason } };
  }
}

function digestOf({ certificate, key, clientCa }: TlsFileContents): string {
  const parts = [certificate, key, clientCa ?? Buffer.alloc(0)];
  return parts.map((part) => hash('sha256', part)).join(' ');
}

function logLoaded(
  log: TlsCredentialsOptions['log'],
  { fingerprint, subject, notAfter }: TlsMaterial,
  text: string,
): void {
  const until = new Date(notAfter).toISOString();
  const fields = { event: 'tls-loaded', fingerprint, subject, notAfter: until };
  if (notAfter < Date.now()) log.warn(fields, `${text}; it expired on ${until}`);
  else log.info(fields, `${text}; valid until ${until}`);
}
