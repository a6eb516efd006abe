import type { TlsFileEvents } from '../../net/follow-tls-files.ts';
import type { Logger } from './log.ts';

/** Logs when TLS files are loaded or rejected. `owner`: the server that uses them, as the first word of the line. */
export function logTlsFiles(log: Pick<Logger, 'info' | 'warn' | 'error'>, owner: string): TlsFileEvents {
  return {
    loaded({ fingerprint, subject, notAfter }, isFirst) {
      const until = new Date(notAfter).toISOString();
      const fields = { event: 'tls-loaded', fingerprint, subject, notAfter: until };
      const text = isFirst
        ? `${owner}: TLS certificate loaded`
        : `${owner}: TLS certificate renewed, new connections get it`;
      if (notAfter < Date.now()) log.warn(fields, `${text}; it expired on ${until}`);
      else log.info(fields, `${text}; valid until ${until}`);
    },
    refused(reason) {
      log.error(
        { event: 'tls-refused', reason },
        `${owner}: the changed TLS files cannot be used, the previous ones stay in use: ${reason}`,
      );
    },
    restless() {
      log.warn(
        { event: 'file-restless' },
        `${owner}: the TLS files change again and again: the newest ones that can be used apply`,
      );
    },
  };
}
