/** The meanings of system error codes that the messages of Node.js do not explain. */
const words: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  CERT_REVOKED: 'the certificate is revoked',
  CERT_UNTRUSTED: 'no trusted CA signed the certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed, and is not trusted itself',
  EACCES: 'permission denied',
  EADDRINUSE: 'another program uses the address',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EAI_AGAIN: 'the name server does not answer',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'the host cannot be reached',
  EISDIR: 'is a directory',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many open files',
  ENETUNREACH: 'the network cannot be reached',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'not a directory',
  ENOTFOUND: 'there is no host of this name',
  EPERM: 'operation not permitted',
  EPIPE: 'the connection was closed',
  EROFS: 'the file system is read-only',
  ETIMEDOUT: 'the connection timed out',
  HPE_INVALID_CONSTANT: 'the response is not HTTP',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is of a CA that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate is of a CA that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is of a CA that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is of a CA that is not trusted',
};

/** The meanings of reasons of OpenSSL that its own messages do not explain. */
const openSslWords: Readonly<Record<string, string>> = {
  'bad base64 decode': 'invalid base64 in a PEM block',
  'key values mismatch': 'the key does not belong to the certificate',
  'no start line': 'there is no PEM block',
  'packet length too long': 'the server does not use TLS',
  unsupported: 'the private key cannot be read',
  'wrong version number': 'the server does not use TLS',
};

/** Describes an error in words, without the code, the system call and the path of an error of the system. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses were tried, each with an error; the first is enough.
  const [first] = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [];
  if (first instanceof Error) return reasonOf(first);
  const code = codeOf(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  if (code === undefined) return error.message === '' ? error.name : error.message;
  const { host } = error as { readonly host?: unknown };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' && typeof host === 'string')
    return `the certificate is not for ${host}`;
  const openSsl = openSslReasonOf(error.message);
  if (openSsl !== undefined) return openSsl;
  // ENOENT: no such file or directory, open '/x'
  const [, text] = /^[A-Z][A-Z0-9_]+: ([^,]+),/.exec(error.message) ?? [];
  // Node.js calls it an illegal operation.
  return (
    (code === 'EISDIR' ? undefined : text) ?? words[code] ?? (error.message === '' ? code : error.message)
  );
}

/** Returns the class of an error, for a text that must not quote what the error is about. */
export function classOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** Describes an error in words, with the path, the address and port, or the host of an error of the system. */
export function reasonWithPlace(error: unknown): string {
  const [first] = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [];
  if (first instanceof Error) return reasonWithPlace(first);
  const place = placeOf(error);
  return place === undefined ? reasonOf(error) : `${place}: ${reasonOf(error)}`;
}

function placeOf(error: unknown): string | undefined {
  if (codeOf(error) === undefined) return undefined;
  const { path, address, port, hostname } = error as Readonly<Record<string, unknown>>;
  if (typeof path === 'string') return path;
  if (typeof hostname === 'string') return hostname;
  if (typeof address !== 'string') return undefined;
  // The port of a Unix socket is absent, or -1.
  if (!(Number(port) > 0)) return address;
  return address.includes(':') ? `[${address}]:${Number(port)}` : `${address}:${Number(port)}`;
}

/** Returns the reason in a message of OpenSSL: `error:0A00010B:SSL routines:function:reason:file:line:`. */
function openSslReasonOf(message: string): string | undefined {
  const reason = /error:[0-9A-F]+:[^:\n]*:[^:\n]*:([^:\n]+)/.exec(message)?.[1];
  if (reason === undefined) return undefined;
  const alert = /alert ([a-z ]+)/.exec(reason)?.[1];
  return alert === undefined ? (openSslWords[reason] ?? reason) : `TLS alert: ${alert}`;
}

/** Returns true if the error means that a path, or one of its directories, does not exist. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
