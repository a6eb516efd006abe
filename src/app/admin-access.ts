import { createClientCas } from '../access/client-cas.ts';
import type { AdminAccess } from '../admin/access.ts';
import { followTlsFiles } from '../net/follow-tls-files.ts';
import type { FollowedTlsFiles } from '../net/follow-tls-files.ts';
import { followTokenFile } from '../net/follow-token-file.ts';
import { certificatesOf } from '../net/tls-material.ts';
import type { Logger } from '../observe/log/log.ts';
import { logRestlessFile } from '../observe/log/log-restless-file.ts';
import { logTlsFiles } from '../observe/log/log-tls-files.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { followedUses } from './file-report.ts';
import type { FileReport } from './file-report.ts';

/** Access that follows its files. */
export interface FollowedAccess extends AsyncDisposable {
  readonly access: AdminAccess;
  /** Calls the listener when new connections are to be served with other TLS files. */
  readonly onRenewed: (listener: () => void) => void;
}

/**
 * Reads the TLS files and the token file that protect the admin API, follows them, and reports those that cannot be
 * used any more.
 * @throws {Error} when a file cannot be used at the start.
 */
export async function followAdminAccess(
  { adminTls, adminTokenFile }: Pick<ServeOptions, 'adminTls' | 'adminTokenFile'>,
  log: Logger,
  report: FileReport,
): Promise<FollowedAccess> {
  await using stack = new AsyncDisposableStack();
  const listeners: (() => void)[] = [];
  const clientCas = createClientCas();
  let tls: FollowedTlsFiles | undefined;
  if (adminTls !== undefined) {
    const events = logTlsFiles(log, 'admin');
    const { certificate } = adminTls;
    tls = await followTlsFiles(adminTls, {
      restless: events.restless,
      refused: (reason) => {
        events.refused(reason);
        report.set(followedUses.adminTls, certificate, reason);
      },
      loaded: (material, isFirst) => {
        events.loaded(material, isFirst);
        clientCas.update(certificatesOf(material.clientCa ?? Buffer.alloc(0)));
        report.set(followedUses.adminTls, certificate, undefined);
        if (!isFirst) for (const listener of listeners) listener();
      },
    });
    stack.adopt(tls, (files) => files.close());
  }
  const tokens =
    adminTokenFile === undefined
      ? undefined
      : await followTokenFile(
          adminTokenFile,
          (reason) => {
            if (reason !== undefined)
              log.error({ event: 'token-file-refused', reason }, `the old tokens stay in use: ${reason}`);
            report.set(followedUses.adminTokens, adminTokenFile, reason);
          },
          { restless: logRestlessFile(log, adminTokenFile) },
        );
  if (tokens !== undefined) stack.adopt(tokens, (file) => file.close());
  const owned = stack.move();
  return {
    access: {
      tls,
      tokens,
      clientCertificates: adminTls?.clientCa !== undefined,
      refusesCertificate: (certificate) => clientCas.refuses(certificate, Date.now()),
    },
    onRenewed: (listener) => void listeners.push(listener),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
