import { finding } from '../trust/findings/finding.ts';
import type { Finding } from '../trust/findings/finding.ts';
import { followTlsFiles } from '../net/follow-tls-files.ts';
import type { TlsPaths } from '../net/follow-tls-files.ts';

/** A use of files that are followed, for the sentence of a finding. */
export interface FollowedUse {
  /** The files, for example `TLS files of the xDS port`. */
  readonly files: string;
  /** The fallback if the files cannot be used, for example `new connections get the previous certificate`. */
  readonly inForce: string;
}

/** Findings about files that are followed and cannot be used. */
export interface FileReport {
  /** Reports why the files of a use cannot be used; `undefined` if they can. `file`: the place of the finding. */
  set(use: FollowedUse, file: string, problem: string | undefined): void;
}

/** The files whose state the server reports. */
export const followedUses = {
  xdsTls: { files: 'TLS files of the xDS port', inForce: 'new connections get the previous certificate' },
  adminTls: { files: 'TLS files of the admin port', inForce: 'new connections get the previous certificate' },
  adminTokens: { files: 'token file of the admin API', inForce: 'the previous tokens stay in force' },
  bundleTls: {
    files: 'TLS files of the bundle endpoint',
    inForce: 'new connections get the previous certificate',
  },
  xdsAccess: { files: 'access rules of the xDS port', inForce: 'the previous rules stay in force' },
  webCas: {
    files: 'CA certificates of --federation-web-ca',
    inForce: 'the previous CA certificates stay in force',
  },
  webhookTls: {
    files: 'TLS files of the webhook',
    inForce: 'new connections get the previous certificate, if there is one',
  },
} as const satisfies Record<string, FollowedUse>;

/** Creates a report that passes all of its findings to `changed` each time that one appears or is resolved. */
export function createFileReport(changed: (findings: readonly Finding[]) => void): FileReport {
  const problems = new Map<FollowedUse, Finding>();
  return {
    set(use, file, problem) {
      if (problem === undefined && !problems.has(use)) return;
      if (problem === undefined) problems.delete(use);
      else
        problems.set(
          use,
          finding('MT062', `the ${use.files} cannot be used: ${problem}; ${use.inForce}`, { file }),
        );
      changed([...problems.values()]);
    },
  };
}

/**
 * Follows the TLS files of the xDS port for the report alone: what serves proxies with them may be several workers, and
 * says nothing of it to this process.
 * @throws {Error} when they cannot be used at the start.
 */
export async function reportXdsFiles(
  paths: TlsPaths | undefined,
  report: FileReport,
): Promise<Disposable | undefined> {
  if (paths === undefined) return undefined;
  const set = (problem: string | undefined): void =>
    report.set(followedUses.xdsTls, paths.certificate, problem);
  const files = await followTlsFiles(paths, { loaded: () => set(undefined), refused: set });
  return { [Symbol.dispose]: () => files.close() };
}
