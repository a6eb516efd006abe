/**
 * Builds the interoperability test client of grpc-go into `.cache/bin/` of the checkout, which takes a minute:
 *
 *     node scripts/install-grpc-interop.ts
 */
import { installAndPrint } from './install-go-tool.ts';
import type { GoTool } from './install-go-tool.ts';

export const grpcInterop: GoTool = {
  name: 'grpc-interop-client',
  package: 'google.golang.org/grpc/interop/client',
  version: 'v1.85.0',
};

if (import.meta.main) await installAndPrint(grpcInterop);
