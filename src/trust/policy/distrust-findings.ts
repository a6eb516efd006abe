import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { MeshStates } from '../snapshot/mesh-builder.ts';
import { matchesEntry } from './distrust.ts';
import type { DistrustState } from './distrust.ts';

/** Returns the findings about a distrust list: invalid lines, and lines that match no listed certificate. */
export function distrustFindings(
  file: string,
  { reading, refused, hashes }: DistrustState,
  meshes: MeshStates,
): readonly Finding[] {
  const bad = reading.bad.map(({ line, reason }) =>
    finding('MT060', `the line ${reason}; it distrusts nothing, and the other lines apply`, { file, line }),
  );
  if (refused !== undefined && bad.length === 0)
    bad.push(
      finding('MT060', `the distrust list cannot be used: ${refused}; ${hashes.size} entries stay in force`, {
        file,
      }),
    );
  // Before any mesh is served, no line can match.
  if (meshes.size === 0) return bad;
  const distrusted = [...meshes.values()].flatMap(({ bundle }) =>
    bundle.bundles.flatMap((domain) => domain.distrusted),
  );
  const idle = reading.entries
    .filter(({ hash }) => !distrusted.some((certificate) => matchesEntry(hash, certificate)))
    .map(({ line }) => finding('MT061', 'the line matches no listed certificate', { file, line }));
  return [...bad, ...idle];
}
