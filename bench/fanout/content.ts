import { makeCa, makeKey } from '../../test/kit/certificates.ts';
import { meshTrustYaml } from '../../test/kit/mesh-trust-text.ts';

/** What is served: files that stay, and two forms of one that changes. */
export interface Content {
  /** By file name. */
  readonly standing: ReadonlyMap<string, string>;
  readonly changing: readonly [string, string];
  /** The secret that the proxies subscribe to. */
  readonly name: string;
}

/** Bytes of PEM of a certificate such as are made here. */
const pemBytes = 690;
const perFile = 250;

/**
 * A secret of about so many bytes, of which one certificate changes; beside it, other trust domains of one
 * certificate, if more than one is asked for: then the secret is that of the changing trust domain alone.
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
      // A key of its own: what several trust domains share is a finding of each.
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
