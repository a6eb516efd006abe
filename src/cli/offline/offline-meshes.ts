import { presentMesh } from '../../api/present-mesh.ts';
import type { MeshDetail } from '../../api/api-types.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import { allFindings } from '../../trust/snapshot/all-findings.ts';
import type { Holdings } from '../../trust/ledger/share.ts';
import { createMeshBuilder } from '../../trust/snapshot/mesh-builder.ts';
import type { MeshStates } from '../../trust/snapshot/mesh-builder.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { policyOf, readingOf } from './offline-options.ts';
import type { ReadingOptions } from './offline-options.ts';
import { readOffline } from './read-offline.ts';

/** The options of `serve` that determine what is served from files. */
export type ServingOptions = FlagOptions<'distrust' | 'refuseIntermediates' | 'rootTrustDomain'> &
  ReadingOptions;

/** The meshes that `serve` would serve from files. */
export interface OfflineMeshes {
  readonly states: MeshStates;
  /** The trust from which they were built. */
  readonly holdings: Holdings;
  /** Findings of all meshes, and of files that belong to no mesh. */
  readonly findings: readonly Finding[];
}

/**
 * Reads files and directories, and builds the meshes that `serve` would serve from them. `complete` may add further
 * trust to that of the files.
 * @throws {CommandError} (usage) if one of them cannot be read.
 */
export async function buildOffline(
  paths: readonly string[],
  options: ServingOptions,
  io: Pick<CommandIo, 'signal' | 'stdin'>,
  complete: (holdings: Holdings) => Holdings = (holdings) => holdings,
): Promise<OfflineMeshes> {
  const view = await readOffline(paths, readingOf(options), io);
  const { policy, findingsOf } = await policyOf(options);
  const builder = createMeshBuilder(policy, { rootTrustDomain: options.rootTrustDomain });
  const now = Date.now();
  const holdings = complete(view.holdings);
  const states = builder.build(holdings, now);
  return { states, holdings, findings: allFindings([...view.findings, ...findingsOf(states)], states, now) };
}

/**
 * Returns true if a finding is about a mesh, or about a file without a mesh: what is missing in the mesh may be in such
 * a file.
 */
export function concerns({ mesh, resource }: Pick<Finding, 'mesh' | 'resource'>, name: string): boolean {
  if (mesh !== undefined) return mesh === name;
  return resource === undefined || resource.startsWith(`${name}/`);
}

/** Presents every mesh as the admin API would, without connected proxies and without held trust domains. */
export function presentOffline({ states, findings }: OfflineMeshes): readonly MeshDetail[] {
  return [...states.values()].map((state) => presentMesh(state, { findings, held: [], proxies: 0, now: 0 }));
}
