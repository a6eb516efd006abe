import type { TlsFileEvents } from '../../net/follow-tls-files.ts';
import type { Logger } from './log.ts';

/** Logs what becomes of TLS files. `whose`: what is served with them, to begin a sentence with. */
export function logTlsFiles(log: Pick<Logger, 'info' | 'warn' | 'error'>, whose: string): TlsFileEvents {
  return {
    loaded({ fingerprint, subject, notAfter }, isFirst) {
      const until = new Date(notAfter).toISOString();
      const fields = { event: 'tls-loaded', fingerprint, subject, notAfter: until };
      const text = isFirst
        ? `${whose}: TLS certificate loaded`
        : `${whose}: TLS certificate renewed: new connections get it`;
      if (notAfter < Date.now()) log.warn(fields, `${text}; it expired on ${until}`);
      else log.info(fields, `${text}; valid until ${until}`);
    },
    refused(reason) {
      log.error(
        { event: 'tls-refused', reason },
        `${whose}: the TLS files changed and cannot be used, the old ones stay in use: ${reason}`,
      );
    },
  };
}
