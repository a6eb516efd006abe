import { caSecret, meshIdentities, meshTrusts } from '../../kubernetes/client/api-object.ts';
import type { ApiObject, WatchedResource } from '../../kubernetes/client/api-object.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { openClusterAccess } from './cluster-access.ts';
import type { ClusterOptions } from './cluster-access.ts';

export interface IdentityObjectsOptions extends ClusterOptions {
  /** The Secrets with CA certificates of MeshIdentities that are read. */
  readonly identitySecret?: readonly { readonly namespace: string; readonly name: string }[] | undefined;
}

/**
 * Lists the MeshIdentities of a cluster, its MeshTrusts, and the Secrets that the options name. The texts are those
 * that `serve` parses: they have no private key.
 * @throws {CommandError} if a kind cannot be listed. Without it, a derivation could be another one than that of
 * `serve`.
 */
export async function readIdentityObjects(
  options: IdentityObjectsOptions,
  io: Pick<CommandIo, 'env' | 'cluster' | 'signal'>,
): Promise<readonly ApiObject[]> {
  using access = openClusterAccess(options, io);
  const objects: ApiObject[] = [];
  const read = async (kind: WatchedResource, title: string, namespace?: string): Promise<void> => {
    for (const item of await access.list({ ...kind, title }, namespace)) {
      const object = kind.read(item);
      if (object === undefined)
        throw new CommandError(exitCode.negative, `${title} cannot be listed: an object has no name`);
      objects.push(object);
    }
  };
  await read(meshIdentities, 'MeshIdentities');
  await read(meshTrusts, 'MeshTrusts');
  for (const { namespace, name } of options.identitySecret ?? [])
    await read(caSecret(namespace, name), `Secret ${namespace}/${name}`, namespace);
  return objects;
}
