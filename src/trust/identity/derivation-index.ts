import { pathOfCaFile } from './ca-files.ts';
import type { CaSecret, MeshIdentity } from '../model/mesh-identity.ts';
import { identityOf } from '../model/mesh-trust.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import type { ParsedFile } from '../model/parse-file.ts';
import type { DeriveContext } from './derive.ts';

/** A file that could be parsed. */
export type Documents = Extract<ParsedFile, { readonly kind: 'documents' }>;

/** The newest version of a file or object. */
export interface Version {
  readonly parsed: Documents;
  /** False if it may be incomplete. */
  readonly settled: boolean;
}

/**
 * Finds what the derivation of a MeshIdentity needs of other documents, in all files and objects. Of several documents
 * with one name the first counts.
 */
export function indexDocuments(
  all: Iterable<Version>,
  caFiles: Iterable<Version>,
): Pick<DeriveContext, 'fileOf' | 'secretOf' | 'meshTrustOf' | 'isUnsettled'> {
  const unsettled = new Set<CaSecret | MeshTrust>();
  const files = new Map<string, CaSecret>();
  for (const { parsed, settled } of caFiles)
    for (const secret of parsed.secrets) {
      const path = pathOfCaFile(secret);
      if (path !== undefined) files.set(path, secret);
      if (!settled) unsettled.add(secret);
    }
  const secrets = new Map<string, CaSecret>();
  const byIdentity = new Map<Identity, MeshTrust>();
  const byKri = new Map<string, MeshTrust>();
  for (const { parsed, settled } of all) {
    for (const secret of parsed.secrets) {
      setFirst(secrets, secretKey(secret.mesh, secret.namespace, secret.name), secret);
      setFirst(secrets, secretKey(secret.mesh, anyNamespace, secret.name), secret);
      if (!settled) unsettled.add(secret);
    }
    for (const document of parsed.documents) {
      if (document.kind !== 'mesh-trust') continue;
      const { resource } = document;
      setFirst(byIdentity, resource.identity, resource);
      if (resource.originKri !== undefined)
        setFirst(byKri, `${resource.mesh}/${resource.originKri}`, resource);
      if (!settled) unsettled.add(resource);
    }
  }
  return {
    fileOf: (path) => files.get(path),
    // Kuma looks only in its own namespace, which is that of the MeshIdentity.
    secretOf: ({ mesh, namespace }, name) =>
      namespace === ''
        ? secrets.get(secretKey(mesh, anyNamespace, name))
        : (secrets.get(secretKey(mesh, namespace, name)) ?? secrets.get(secretKey(mesh, '', name))),
    meshTrustOf: ({ mesh, namespace, name }: MeshIdentity, kri) =>
      byKri.get(`${mesh}/${kri}`) ?? byIdentity.get(identityOf(mesh, namespace, name)),
    isUnsettled: (document) => unsettled.has(document),
  };
}

/** Stands for all namespaces in a key. */
const anyNamespace = '*';

function secretKey(mesh: string, namespace: string, name: string): string {
  return `${mesh}/${namespace}/${name}`;
}

function setFirst<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  if (!map.has(key)) map.set(key, value);
}

/** Returns whether a file has anything that the derivation of a MeshIdentity of another file may need. */
export function hasMaterial({ secrets, documents }: Documents): boolean {
  return secrets.length > 0 || documents.some(({ kind }) => kind === 'mesh-trust');
}

/** Returns whether a file has a MeshIdentity whose derivation needs other documents. */
export function needsMaterial({ identities }: Documents): boolean {
  return identities.some((item) => {
    if (item.kind === 'invalid') return false;
    const { provider } = item.resource;
    return provider.kind === 'autogenerate' || (provider.kind === 'ca' && provider.source.kind !== 'inline');
  });
}
