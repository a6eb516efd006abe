import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { loadAll } from 'js-yaml';

import { makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';

/** The fields of cert-manager's Certificate that the recipes use. */
interface CertificateResource {
  readonly kind: string;
  readonly spec: {
    readonly secretName: string;
    readonly isCA?: boolean;
    readonly commonName?: string;
    readonly dnsNames?: readonly string[];
    readonly uris?: readonly string[];
    readonly usages?: readonly string[];
  };
}

/** Issues what the Certificates of a YAML text ask for, except CAs, by the name of their Secret. */
export function issueCertificates(text: string, ca: Certificate): ReadonlyMap<string, Certificate> {
  const certificates = (loadAll(text) as CertificateResource[]).filter(({ kind }) => kind === 'Certificate');
  return new Map(
    certificates
      .filter(({ spec }) => spec.isCA !== true)
      .map(({ spec: { secretName, commonName, dnsNames = [], uris = [], usages = [] } }) => [
        secretName,
        makeLeaf(ca, {
          ...(commonName !== undefined && { commonName }),
          dnsNames,
          uris,
          extendedKeyUsage: [
            ...(usages.includes('server auth') ? (['serverAuth'] as const) : []),
            ...(usages.includes('client auth') ? (['clientAuth'] as const) : []),
          ],
        }),
      ]),
  );
}

let mounts = 0;

/** Mounts a Secret of cert-manager as the kubelet does, or replaces what is mounted: by renaming one symbolic link. */
export async function mountSecret(path: string, leaf: Certificate, ca: Certificate): Promise<void> {
  const folder = `..data-${++mounts}`;
  await mkdir(join(path, folder), { recursive: true });
  const files = { 'tls.crt': leaf.certPem, 'tls.key': leaf.keyPem, 'ca.crt': ca.certPem };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(path, folder, name), text);
    await symlink(`..data/${name}`, join(path, name)).catch(() => undefined);
  }
  await symlink(folder, join(path, '..data_tmp'));
  await rename(join(path, '..data_tmp'), join(path, '..data'));
}
