import { loadSync } from '@grpc/proto-loader';
import type { PackageDefinition } from '@grpc/proto-loader';
import { protoFiles, protoOptions } from './proto-files.ts';

/** Loads the package definition of `proto/`. Reads files synchronously: call it once at start. */
export function loadProtos(): PackageDefinition {
  return loadSync([...protoFiles], protoOptions);
}
