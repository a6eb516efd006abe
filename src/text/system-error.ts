/** What the codes of the system mean, where the message of Node.js has no words for it. */
const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'another program uses the address',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EAI_AGAIN: 'the name server does not answer',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'the host cannot be reached',
  EISDIR: 'is a directory',
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
};

/** Describes an error in words, without the code, the system call and the path of an error of the system. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses were tried, each with an error; the first is enough.
  const [first] = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [];
  if (first instanceof Error) return reasonOf(first);
  const code = codeOf(error);
  if (code === undefined) return error.message;
  // ENOENT: no such file or directory, open '/x'
  const [, text] = /^[A-Z][A-Z0-9_]+: ([^,]+),/.exec(error.message) ?? [];
  // Node.js calls it an illegal operation.
  return (code === 'EISDIR' ? undefined : text) ?? words[code] ?? error.message;
}

/** Describes an error in words, with the path or address of an error of the system. */
export function reasonWithPlace(error: unknown): string {
  const reason = reasonOf(error);
  const { path } = error as { readonly path?: unknown };
  return typeof path === 'string' && codeOf(error) !== undefined ? `${path}: ${reason}` : reason;
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
