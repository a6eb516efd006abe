import type { MeshDetail, MeshList } from '../../api/api-types.ts';
import type {
  AnchorCertificate,
  CertificateDetail,
  TrustDomainCertificates,
} from '../../api/certificate-api-types.ts';
import { AnswerError, askServer, mapFew } from '../ask/ask-server.ts';
import type { ServerAccess } from '../ask/server-options.ts';

/**
 * Reads the details of every mesh of a running server.
 * @throws {CommandError} (unreachable) if the server does not answer, (negative) if it answers with an error.
 */
export async function servedMeshes(
  server: ServerAccess,
  signal: AbortSignal,
): Promise<readonly MeshDetail[]> {
  const { meshes } = (await askServer(server, 'GET', '/api/v1/meshes', signal)) as MeshList;
  return mapFew(
    meshes,
    async ({ name }) => (await askServer(server, 'GET', meshPath(name), signal)) as MeshDetail,
  );
}

/** Returns the names of the meshes that a running server knows. */
export async function meshNames(server: ServerAccess, signal: AbortSignal): Promise<readonly string[]> {
  const { meshes } = (await askServer(server, 'GET', '/api/v1/meshes', signal)) as MeshList;
  return meshes.map(({ name }) => name);
}

/** Returns the path of a mesh in the admin API, or of a resource below it. */
export function meshPath(mesh: string, below = ''): string {
  return `/api/v1/meshes/${encodeURIComponent(mesh)}${below}`;
}

/** Returns the server's answer for a mesh; undefined if the server does not know the mesh. */
export async function askMesh(
  server: ServerAccess,
  mesh: string,
  below: string,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return await askServer(server, 'GET', meshPath(mesh, below), signal);
  } catch (error) {
    if (error instanceof AnswerError && error.apiCode === 'unknown-mesh') return undefined;
    throw error;
  }
}

/** The CA certificates of a trust domain as they are listed. */
export interface ListedDomain {
  readonly name: string;
  /** Canonical PEM, one certificate each. */
  readonly pems: readonly string[];
}

/** Reads the listed form of certificates that a running server serves in another form. */
export async function listedOf(
  server: ServerAccess,
  trustDomains: readonly TrustDomainCertificates[],
  signal: AbortSignal,
): Promise<readonly ListedDomain[]> {
  const pemOf = async ({ rooting, pem, fingerprint }: AnchorCertificate): Promise<string> => {
    if (rooting === 'as-listed') return pem;
    const answer = await askServer(server, 'GET', `/api/v1/certificates/${fingerprint}`, signal);
    return (answer as CertificateDetail).pem;
  };
  return mapFew(trustDomains, async ({ name, anchors }) => ({ name, pems: await mapFew(anchors, pemOf) }));
}
