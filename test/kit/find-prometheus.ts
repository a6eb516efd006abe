import { delimiter, join } from 'node:path';

import { isExecutable } from '../../scripts/install-envoy.ts';
import { installPrometheusTool } from '../../scripts/install-promtool.ts';
import type { PrometheusTool } from '../../scripts/install-promtool.ts';
import { missingTool } from './missing-tool.ts';
import type { MissingTool } from './missing-tool.ts';

/** A program of Prometheus to run, or why there is none. */
export type FoundPrometheus = { readonly kind: 'found'; readonly path: string } | MissingTool;

/**
 * Looks for promtool or prometheus: on the PATH, unpacked before, or unpacked now.
 * @throws {Error} with `CI` set, when it cannot be had.
 */
export async function findPrometheus(tool: PrometheusTool): Promise<FoundPrometheus> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, tool);
    if (folder !== '' && (await isExecutable(path))) return { kind: 'found', path };
  }
  try {
    return { kind: 'found', path: await installPrometheusTool(tool) };
  } catch (error) {
    return missingTool(`no ${tool}`, error);
  }
}
