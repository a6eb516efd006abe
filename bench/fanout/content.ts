import { makeCa, makeKey } from '../../test/kit/certificates.ts';
import { meshTrustYaml } from '../../test/kit/mesh-trust-text.ts';

/** The served content: files that never change, and two forms of a file that changes. */
export interface Content {
  /** Texts by file name. */
  readonly standing: ReadonlyMap<string, string>;
  readonly changing: readonly [string, string];
  /** The secret that the proxies subscribe to. */
  readonly name: string;
}

/** Size of the PEM of a generated certificate, in bytes. */
const pemBytes = 690;
const perFile = 250;

/**
 * Creates a secret of about `bytes` bytes, in which one certificate changes. With more than one trust domain, the
 * others have one certificate each, and the secret is that of the changing trust domain.
 */
export function makeContent(bytes: number, domains: number): Content {
  const keys = Array.from({ length: 20 }, () => makeKey());
  const caOf = (index: number): string => {
    const key = keys[index % keys.length];
    return makeCa({ commonName: `CA ${index}`, ...(key === undefined ? {} : { key }) }).certPem;
  };
  const standing = new Map<string, string>();
  const ballast = Math.max(0, Math.round(bytes / pemBytes) - 1);
  for (let from = 0; from < ballast; from += perFile) {
    const count = Math.min(perFile, ballast - from);
    const pems = Array.from({ length: count }, (_, index) => caOf(1000 + from + index));
    const name = `standing-${from}`;
    standing.set(`${name}.yaml`, meshTrustYaml({ name, trustDomain: 'changing.test', pems }));
  }
  for (let index = 1; index < domains; index += 1) {
    const name = `other-${index}`;
    standing.set(
      `${name}.yaml`,
      // A separate key for each: a certificate in several trust domains would be a finding.
      meshTrustYaml({
        name,
        trustDomain: `${name}.test`,
        pems: [makeCa({ commonName: `CA ${5000 + index}` }).certPem],
      }),
    );
  }
  const changing = (index: number): string =>
    meshTrustYaml({ name: 'changing', trustDomain: 'changing.test', pems: [caOf(index)] });
  return {
    standing,
    changing: [changing(0), changing(1)],
    name: domains > 1 ? 'spiffe://changing.test' : 'ALL',
  };
}
