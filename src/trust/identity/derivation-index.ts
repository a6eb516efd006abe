import { pathOfCaFile } from './ca-files.ts';
import type { CaSecret, MeshIdentity } from '../model/mesh-identity.ts';
import { identityOf } from '../model/mesh-trust.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import type { ParsedFile } from '../model/parse-file.ts';
import type { DeriveContext } from './derive.ts';

/** A file that could be parsed. */
export type Documents = Extract<ParsedFile, { readonly kind: 'documents' }>;

/**
 * Finds what the derivation of a MeshIdentity needs of other documents, in all files and objects. Of several documents
 * with one name the first counts.
 */
export function indexDocuments(
  all: Iterable<Documents>,
  caFiles: Iterable<Documents>,
): Pick<DeriveContext, 'fileOf' | 'secretOf' | 'meshTrustOf'> {
  const files = new Map<string, CaSecret>();
  for (const { secrets: ofFile } of caFiles)
    for (const secret of ofFile) {
      const path = pathOfCaFile(secret);
      if (path !== undefined) files.set(path, secret);
    }
  const secrets = new Map<string, CaSecret>();
  const byIdentity = new Map<Identity, MeshTrust>();
  const byKri = new Map<string, MeshTrust>();
  for (const { secrets: ofFile, documents } of all) {
    for (const secret of ofFile) setFirst(secrets, `${secret.mesh}/${secret.name}`, secret);
    for (const document of documents) {
      if (document.kind !== 'mesh-trust') continue;
      const { resource } = document;
      setFirst(byIdentity, resource.identity, resource);
      if (resource.originKri !== undefined)
        setFirst(byKri, `${resource.mesh}/${resource.originKri}`, resource);
    }
  }
  return {
    fileOf: (path) => files.get(path),
    secretOf: (mesh, name) => secrets.get(`${mesh}/${name}`),
    meshTrustOf: ({ mesh, namespace, name }: MeshIdentity, kri) =>
      byKri.get(`${mesh}/${kri}`) ?? byIdentity.get(identityOf(mesh, namespace, name)),
  };
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
