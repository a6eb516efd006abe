/**
 * Builds h2spec, the conformance test of HTTP/2, into `.cache/bin/` of the checkout:
 *
 *     node scripts/install-h2spec.ts
 */
import { installAndPrint } from './install-go-tool.ts';
import type { GoTool } from './install-go-tool.ts';

export const h2spec: GoTool = {
  name: 'h2spec',
  package: 'github.com/summerwind/h2spec/cmd/h2spec',
  version: 'v2.2.1+incompatible',
};

if (import.meta.main) await installAndPrint(h2spec);
