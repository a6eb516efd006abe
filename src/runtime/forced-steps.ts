import { formatForcedSteps } from '../trust/model/forced-steps.ts';
import type { ForcedStep } from '../trust/model/forced-steps.ts';
import type { Identity, MeshTrust } from '../trust/model/mesh-trust.ts';

/** A command of a rotation that passed gates by force, and the resource that it changed. */
export interface ForcedRotation {
  readonly resource: MeshTrust;
  readonly step: ForcedStep;
}

/** Finds forced steps that were not there before. */
export interface ForcedSteps {
  /** Returns the steps that are new since the last call: at first, all of them. */
  update(rotating: readonly MeshTrust[]): readonly ForcedRotation[];
}

/** Creates a comparison without earlier steps. */
export function createForcedSteps(): ForcedSteps {
  let known: ReadonlyMap<Identity, ReadonlySet<string>> = new Map();
  return {
    update(rotating) {
      const next = new Map<Identity, Set<string>>();
      const found: ForcedRotation[] = [];
      for (const resource of rotating) {
        for (const step of resource.forcedSteps ?? []) {
          const text = formatForcedSteps([step]);
          const steps = next.get(resource.identity) ?? new Set<string>();
          next.set(resource.identity, steps.add(text));
          if (known.get(resource.identity)?.has(text) !== true) found.push({ resource, step });
        }
      }
      known = next;
      return found;
    },
  };
}
