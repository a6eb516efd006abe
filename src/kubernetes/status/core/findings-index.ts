import type { Finding } from '../../../trust/findings/finding.ts';

/** Findings, indexed by the objects that they concern. */
export interface FindingsIndex {
  readonly ofFile: (path: string) => readonly Finding[];
  readonly ofResource: (identity: string) => readonly Finding[];
  /** If several resources list a certificate, there is one finding, and it names the first resource only. */
  readonly ofCertificate: (mesh: string, trustDomain: string, fingerprint: string) => readonly Finding[];
  /** Findings on a whole trust domain; for an empty trust domain, findings on the whole mesh. */
  readonly ofTrustDomain: (mesh: string, trustDomain: string) => readonly Finding[];
}

const none: readonly Finding[] = [];

/** Indexes findings by file, resource, certificate and trust domain. A finding can have several keys. */
export function indexFindings(findings: readonly Finding[]): FindingsIndex {
  const index = new Map<string, Finding[]>();
  const add = (key: string, finding: Finding): void => {
    const known = index.get(key);
    if (known === undefined) index.set(key, [finding]);
    else known.push(finding);
  };
  for (const finding of findings) {
    const { file, resource, mesh = '', trustDomain = '', fingerprint } = finding;
    if (file !== undefined) add(`file ${file}`, finding);
    if (resource !== undefined) add(`resource ${resource}`, finding);
    if (fingerprint !== undefined) add(`certificate ${mesh} ${trustDomain} ${fingerprint}`, finding);
    else if (mesh !== '') add(`domain ${mesh} ${trustDomain}`, finding);
  }
  const get = (key: string): readonly Finding[] => index.get(key) ?? none;
  return {
    ofFile: (path) => get(`file ${path}`),
    ofResource: (identity) => get(`resource ${identity}`),
    ofCertificate: (mesh, trustDomain, fingerprint) =>
      get(`certificate ${mesh} ${trustDomain} ${fingerprint}`),
    ofTrustDomain: (mesh, trustDomain) => get(`domain ${mesh} ${trustDomain}`),
  };
}
