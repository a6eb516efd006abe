import type { Finding } from '../../../trust/findings/finding.ts';

/** What finds the findings of one resource among all. */
export interface FindingsIndex {
  readonly ofFile: (path: string) => readonly Finding[];
  readonly ofResource: (identity: string) => readonly Finding[];
  /** A certificate that several resources list has one finding, which names the first of them. */
  readonly ofCertificate: (mesh: string, trustDomain: string, fingerprint: string) => readonly Finding[];
  /** Those that a trust domain as a whole has, with or without the other domains of its mesh. */
  readonly ofTrustDomain: (mesh: string, trustDomain: string) => readonly Finding[];
}

const none: readonly Finding[] = [];

/** Sorts findings by what they are about; one can be about several things. */
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
