import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { experimental } from '@grpc/grpc-js';
import type { ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from '../observe/log/log.ts';
import { logTlsFiles } from '../observe/log/log-tls-files.ts';
import { followTlsFiles } from '../net/follow-tls-files.ts';
import type { FollowedTlsFiles, TlsPaths } from '../net/follow-tls-files.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import { timerMs } from '../xds/timers/timers.ts';

export interface TlsCredentialsOptions extends TlsPaths {
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Interval at which the files are read again, in milliseconds; 5,000. */
  readonly pollMs?: number | undefined;
  /** True if clients may send a certificate that TLS does not insist on. */
  readonly optionalCertificates?: boolean | undefined;
  /** Time limit of a handshake, in milliseconds; 10,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

/** Credentials that follow their files. */
export interface TlsCredentials {
  readonly credentials: ServerCredentials;
  /** The credentials of new connections. */
  current(): TlsMaterial;
  /** Reads the files now. Unusable files change nothing, and are logged once. */
  reload(): Promise<void>;
  close(): void;
}

type Provider = experimental.CertificateProvider;

/** Node.js also ends a second handshake, which would replace the client certificate, but only once HTTP/2 has begun. */
const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/**
 * Creates server credentials from files, and renews them when the files change. Open connections continue. A pair that
 * is half renewed, or broken, leaves the previous one in use.
 * @throws {Error} if the files cannot be used at the start.
 */
export async function createTlsCredentials(options: TlsCredentialsOptions): Promise<TlsCredentials> {
  const events = logTlsFiles(options.log, 'proxies');
  const files: FollowedTlsFiles = await followTlsFiles(
    options,
    {
      ...events,
      loaded: (material, isFirst) => {
        events.loaded(material, isFirst);
        if (!isFirst) update();
      },
    },
    { pollMs: options.pollMs },
  );
  const { provider, update } = createProvider(() => files.current());

  // The parameters are declared in another order than they are used: the first is the server's own.
  const credentials = experimental.createCertificateProviderServerCredentials(
    provider,
    options.clientCa === undefined ? null : provider,
    options.clientCa !== undefined && options.optionalCertificates !== true,
  );
  const isOptional = options.optionalCertificates === true;
  if (isOptional || options.clientCa !== undefined) keepChains(credentials, isOptional);
  limitHandshake(credentials, timerMs(options.handshakeTimeoutMs ?? 10_000));
  return {
    credentials,
    current: () => files.current(),
    reload: () => files.reload(),
    close: () => files.close(),
  };
}

/**
 * Sets the time limit of a TLS handshake, which is 2 minutes in Node. grpc-js 1.14 has no option for it: if its
 * internals differ from the known ones, the limit stays as it is.
 */
function limitHandshake(credentials: ServerCredentials, handshakeTimeoutMs: number): void {
  const original: unknown = Reflect.get(credentials, '_getConstructorOptions');
  if (typeof original !== 'function') return;
  Reflect.set(credentials, '_getConstructorOptions', () => ({
    ...(Reflect.apply(original, credentials, []) as object | null),
    handshakeTimeout: handshakeTimeoutMs,
  }));
}

/**
 * Resumes no sessions: a session that is resumed by a ticket has the leaf, but not the intermediates that the client
 * sent. `isOptional`: also requests certificates of clients without a CA that verifies them. Without a client CA, no CA
 * verifies a certificate: Node.js would use those that it has for servers. grpc-js 1.14 has no option for it.
 * @throws {Error} if its internals differ from the known ones: the server must not start without authentication.
 */
function keepChains(credentials: ServerCredentials, isOptional: boolean): void {
  for (const [name, extra] of [
    ['_getConstructorOptions', () => (isOptional ? { requestCert: true, rejectUnauthorized: false } : {})],
    ['calculateSecureContextOptions', ({ ca }: SecureContextOptions) => ({ ca: ca ?? [], secureOptions })],
  ] as const) {
    const original: unknown = Reflect.get(credentials, name);
    if (typeof original !== 'function')
      throw new Error(
        'client certificates are not possible with this version of @grpc/grpc-js: use --xds-transport own',
      );
    Reflect.set(credentials, name, () => {
      const options = Reflect.apply(original, credentials, []) as SecureContextOptions | null;
      return options === null ? null : { ...options, ...extra(options) };
    });
  }
}

/** The certificate provider that grpc-js reads, and that notifies it of new certificates. */
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
    // The first certificates must not arrive within the call, because grpc-js is not listening yet.
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
