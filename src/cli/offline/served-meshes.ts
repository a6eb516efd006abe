import type { MeshDetail, MeshList } from '../../api/api-types.ts';
import { AnswerError, askServer } from '../ask/ask-server.ts';
import { mapFew } from '../terminal/map-few.ts';
import type { ServerAccess } from '../ask/server-options.ts';

/**
 * Every mesh that a running server has, in full.
 * @throws {CommandError} (unreachable) where no server answers, (negative) where it refuses.
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

/** Path of a mesh in the admin API, or of something below it. */
export function meshPath(mesh: string, below = ''): string {
  return `/api/v1/meshes/${encodeURIComponent(mesh)}${below}`;
}

/** What a server answers of a mesh; undefined for one that nothing was ever listed for. */
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
