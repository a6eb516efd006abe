import type { AdminAccess } from '../admin/access.ts';
import { followTlsFiles } from '../net/follow-tls-files.ts';
import type { FollowedTlsFiles } from '../net/follow-tls-files.ts';
import { followTokenFile } from '../net/follow-token-file.ts';
import type { Logger } from '../observe/log/log.ts';
import { logTlsFiles } from '../observe/log/log-tls-files.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';

/** Access that follows its files. */
export interface FollowedAccess extends AsyncDisposable {
  readonly access: AdminAccess;
  /** Calls the listener when new connections are to be served with other TLS files. */
  readonly onRenewed: (listener: () => void) => void;
}

/**
 * Reads the TLS files and the token file that protect the admin API, and follows them.
 * @throws {Error} when a file cannot be used at the start.
 */
export async function followAdminAccess(
  { adminTls, adminTokenFile }: Pick<ServeOptions, 'adminTls' | 'adminTokenFile'>,
  log: Logger,
): Promise<FollowedAccess> {
  await using stack = new AsyncDisposableStack();
  const listeners: (() => void)[] = [];
  let tls: FollowedTlsFiles | undefined;
  if (adminTls !== undefined) {
    const events = logTlsFiles(log, 'admin');
    tls = await followTlsFiles(adminTls, {
      ...events,
      loaded: (material, isFirst) => {
        events.loaded(material, isFirst);
        if (!isFirst) for (const listener of listeners) listener();
      },
    });
    stack.adopt(tls, (files) => files.close());
  }
  const tokens =
    adminTokenFile === undefined
      ? undefined
      : await followTokenFile(adminTokenFile, (reason) =>
          log.error({ event: 'token-file-refused', reason }, `the old tokens stay in use: ${reason}`),
        );
  if (tokens !== undefined) stack.adopt(tokens, (file) => file.close());
  const owned = stack.move();
  return {
    access: { tls, tokens, clientCertificates: adminTls?.clientCa !== undefined },
    onRenewed: (listener) => void listeners.push(listener),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
