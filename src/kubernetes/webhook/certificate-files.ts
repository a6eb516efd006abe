import { setTimeout as delay } from 'node:timers/promises';
import { followTlsFiles } from '../../net/follow-tls-files.ts';
import type { TlsPaths } from '../../net/follow-tls-files.ts';
import type { CertificateSource } from './certificate-source.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import { reasonWithPlace } from '../../text/system-error.ts';

/**
 * Returns a source that reads a certificate from files and follows their changes. The files may be absent at first:
 * their issuer may create them later, and serving trust must not wait for them.
 */
export function certificateFiles(
  { certificate, key }: Pick<TlsPaths, 'certificate' | 'key'>,
  pollMs = 5_000,
): CertificateSource {
  return (events) => {
    const closed = new AbortController();
    const { signal } = closed;
    const run = async (): Promise<void> => {
      let reported: string | undefined;
      while (!signal.aborted) {
        try {
          const paths = { certificate, key, clientCa: undefined };
          const files = await followTlsFiles(paths, events, { pollMs });
          if (signal.aborted) return files.close();
          return signal.addEventListener('abort', () => files.close(), { once: true });
        } catch (error) {
          const reason = reasonWithPlace(error);
          if (reason !== reported) events.refused(reason);
          reported = reason;
        }
        await delay(timerMs(pollMs), undefined, { signal, ref: false }).catch(() => undefined);
      }
    };
    const running = run();
    return {
      close: () => {
        closed.abort();
        return running;
      },
    };
  };
}
