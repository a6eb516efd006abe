import { h2spec } from '../../scripts/install-h2spec.ts';
import { installGoTool } from '../../scripts/install-go-tool.ts';
import { missingTool } from '../kit/missing-tool.ts';
import type { MissingTool } from '../kit/missing-tool.ts';

/** An h2spec to run, or why there is none. */
export type FoundH2spec = { readonly kind: 'found'; readonly path: string } | MissingTool;

/**
 * Looks for h2spec: one built before, or one built now.
 * @throws {Error} with `CI` set, when there is none: a skipped test must not look like a passed one there.
 */
export async function findH2spec(): Promise<FoundH2spec> {
  try {
    return { kind: 'found', path: await installGoTool(h2spec) };
  } catch (error) {
    return missingTool('no h2spec', error);
  }
}
