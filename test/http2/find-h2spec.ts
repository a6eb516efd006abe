import { h2spec } from '../../scripts/install-h2spec.ts';
import { installGoTool } from '../../scripts/install-go-tool.ts';
import { missingTool } from '../kit/missing-tool.ts';
import type { MissingTool } from '../kit/missing-tool.ts';

/** The path of h2spec, or the reason why it is missing. */
export type FoundH2spec = { readonly kind: 'found'; readonly path: string } | MissingTool;

/**
 * Finds h2spec, and builds it if necessary.
 * @throws {Error} if h2spec is missing and `CI` is set, where a skipped test must not look like a passed one.
 */
export async function findH2spec(): Promise<FoundH2spec> {
  try {
    return { kind: 'found', path: await installGoTool(h2spec) };
  } catch (error) {
    return missingTool('no h2spec', error);
  }
}
