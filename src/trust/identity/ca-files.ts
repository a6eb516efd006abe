import type { CaSecret } from '../model/mesh-identity.ts';
import type { ParsedFile } from '../model/parse-file.ts';

/** The name of the source whose texts are CA certificates in files that MeshIdentities name. */
export const identityFilesSource = 'identity files';

const namePrefix = 'file:';

/**
 * Returns the text of a document with the CA certificates of a file: the form of a Secret, whose name is the path. No
 * mesh has the empty name, so it is never taken for a Secret of a mesh.
 */
export function caFileDocument(path: string, pem: string): string {
  const data = Buffer.from(pem).toString('base64');
  return JSON.stringify({ type: 'Secret', mesh: '', name: `${namePrefix}${path}`, data });
}

/** Returns the path of the file whose CA certificates a document has. */
export function pathOfCaFile({ mesh, name }: CaSecret): string | undefined {
  return mesh === '' && name.startsWith(namePrefix) ? name.slice(namePrefix.length) : undefined;
}

/** Returns the path that stands for a file with CA certificates in events and findings. */
export function caFilePlace(path: string): string {
  return `identity-file:${path}`;
}

/** Returns the paths of the files with CA certificates that the MeshIdentities of a text name. */
export function caFilesNamedBy(parsed: Exclude<ParsedFile, { kind: 'refused' }>): readonly string[] {
  return parsed.identities.flatMap((item) => {
    if (item.kind === 'invalid') return [];
    const { provider } = item.resource;
    return provider.kind === 'ca' && provider.source.kind === 'file' ? provider.source.path : [];
  });
}
