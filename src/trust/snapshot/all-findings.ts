import { expiryFindings } from './expiry.ts';
import type { Finding } from '../findings/finding.ts';
import type { MeshStates } from './mesh-builder.ts';

/**
 * Everything there is to say about the input and what is served, at a time (epoch milliseconds), in no order.
 * What did not change is the same object each time.
 */
export function allFindings(
  ofInput: readonly Finding[],
  meshes: MeshStates,
  now: number,
): readonly Finding[] {
  const all = [...ofInput];
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
