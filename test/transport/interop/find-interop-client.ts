import { installGoTool } from '../../../scripts/install-go-tool.ts';
import { grpcInterop } from '../../../scripts/install-grpc-interop.ts';
import { missingTool } from '../../kit/missing-tool.ts';
import type { MissingTool } from '../../kit/missing-tool.ts';

/** An interop client to run, or why there is none. */
export type FoundInteropClient = { readonly kind: 'found'; readonly path: string } | MissingTool;

/**
 * Looks for the interop client of grpc-go: one built before, or one built now.
 * @throws {Error} with `CI` set, when there is none: a skipped test must not look like a passed one there.
 */
export async function findInteropClient(): Promise<FoundInteropClient> {
  try {
    return { kind: 'found', path: await installGoTool(grpcInterop) };
  } catch (error) {
    return missingTool('no interop client of grpc-go', error);
  }
}
