import { expiryFindings } from '../bundle/expiry.ts';
import { compareFindings } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { MeshStates } from './mesh-builder.ts';

/** Everything there is to say about the input and what is served, at a time (epoch milliseconds). */
export function allFindings(
  ofInput: readonly Finding[],
  meshes: MeshStates,
  now: number,
): readonly Finding[] {
  const ofMeshes = [...meshes.values()].flatMap(({ bundle, secrets }) => [
    ...bundle.findings,
    ...secrets.findings,
    ...bundle.bundles.flatMap((domain) => [...domain.findings, ...expiryFindings(domain, now)]),
  ]);
  return [...ofInput, ...ofMeshes].sort(compareFindings);
}
