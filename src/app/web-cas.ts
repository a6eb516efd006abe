import { followFile } from '../net/follow-file.ts';
import type { FollowedFile } from '../net/follow-file.ts';
import { certificatesOf } from '../net/tls-material.ts';
import type { Logger } from '../observe/log/log.ts';
import { logRestlessFile } from '../observe/log/log-restless-file.ts';
import { followedUses } from './file-report.ts';
import type { FileReport } from './file-report.ts';

/**
 * Follows the file of CA certificates that `https_web` endpoints may have. Without a file there are none.
 * @throws {Error} if the file cannot be used at the start.
 */
export async function followWebCas(
  path: string | undefined,
  log: Logger,
  report: FileReport,
  pollMs?: number,
): Promise<Pick<FollowedFile<readonly string[]>, 'close' | 'current'>> {
  if (path === undefined) return { current: () => [], close: () => undefined };
  const parse = (content: Buffer): readonly string[] => {
    const found = certificatesOf(content);
    if (found.length === 0) throw new Error(`${path} has no certificate that can be read`);
    return found.map((certificate) => certificate.toString());
  };
  return followFile(
    path,
    parse,
    {
      loaded: (cas) =>
        log.info({ event: 'web-ca', path, certificates: cas.length }, `${path} was read again`),
      problem: (reason) => {
        if (reason !== undefined)
          log.error(
            { event: 'web-ca-refused', path, reason },
            `${reason}; the previous CA certificates stay in force`,
          );
        report.set(followedUses.webCas, path, reason);
      },
      restless: logRestlessFile(log, path),
    },
    { pollMs },
  );
}
