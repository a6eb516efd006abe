import { expiryFindings } from './expiry.ts';
import type { Finding } from '../findings/finding.ts';
import type { MeshStates } from './mesh-builder.ts';

/**
 * Returns all findings about the input and the served trust at a time (epoch milliseconds), unsorted. Unchanged
 * findings keep their objects.
 */
export function allFindings(
  inputFindings: readonly Finding[],
  meshes: MeshStates,
  now: number,
): readonly Finding[] {
  const all = [...inputFindings];
  const add = (findings: readonly Finding[]): void => {
    for (const finding of findings) all.push(finding);
  };
  for (const { bundle, secrets } of meshes.values()) {
    add(bundle.findings);
    add(secrets.findings);
    for (const domain of bundle.bundles) {
      add(domain.findings);
      add(expiryFindings(domain, now));
    }
  }
  return all;
}
