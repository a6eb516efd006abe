/**
 * Builds ghz, the gRPC load generator, into `.cache/bin/` of the checkout, which takes a minute:
 *
 *     node scripts/install-ghz.ts
 */
import { installAndPrint } from './install-go-tool.ts';
import type { GoTool } from './install-go-tool.ts';

export const ghz: GoTool = { name: 'ghz', package: 'github.com/bojand/ghz/cmd/ghz', version: 'v0.93.0' };

if (import.meta.main) await installAndPrint(ghz);
