import { readApiObject, resource as meshTrusts } from '../../kubernetes/client/api-object.ts';
import { refusalOf } from '../../kubernetes/client/call-api.ts';
import type { ApiReply } from '../../kubernetes/client/call-api.ts';
import { parseFile } from '../../trust/model/parse-file.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import type { MeshTrust } from '../../trust/model/mesh-trust.ts';
import type { PatchOperation } from '../../trust/rotation/edit-object.ts';
import { asMapping } from '../../text/json.ts';
import { CommandError, ConflictError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { openClusterAccess, pathOf } from './cluster-access.ts';
import type { ClusterOptions } from './cluster-access.ts';

/** A MeshTrust of a cluster. */
interface ClusterResource {
  readonly resource: MeshTrust;
  /** `kubernetes:namespace/name`. */
  readonly path: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** The MeshTrusts of a cluster, with the rights of the user's kubeconfig. */
export interface Cluster extends Disposable {
  /** @throws {CommandError} if they cannot be read. */
  readonly read: () => Promise<readonly ClusterResource[]>;
  /** @throws {CommandError} if the object was changed meanwhile, or the API server refuses the patch. */
  readonly patch: (target: ClusterResource, operations: readonly PatchOperation[]) => Promise<void>;
}

const fieldManager = 'meshtrust-rotate';

/** @throws {CommandError} (usage) if there is no kubeconfig. */
export function openCluster(
  options: ClusterOptions,
  parse: ParseOptions,
  io: Pick<CommandIo, 'env' | 'cluster' | 'signal'>,
): Cluster {
  const access = openClusterAccess(options, io);
  const { call } = access;
  return {
    read: async () =>
      (await access.list({ ...meshTrusts, title: 'MeshTrusts' })).flatMap((item) => readObject(item, parse)),
    async patch({ path, object }, operations) {
      const metadata = asMapping(object['metadata']);
      const [namespace, name] = [metadata?.['namespace'], metadata?.['name']].map(String);
      const place = `${pathOf(meshTrusts, namespace)}/${encodeURIComponent(name ?? '')}`;
      const reply = await call({
        method: 'PATCH',
        type: 'application/json-patch+json',
        path: `${place}?fieldManager=${fieldManager}`,
        body: operations,
      });
      if (reply.kind === 'answered' && reply.status === 200) return;
      const current = await call(place);
      if (isOther(current, metadata?.['resourceVersion']))
        throw new ConflictError(
          `refused: R55 conflict: ${path} was changed since this command read it; run the command again`,
        );
      throw new CommandError(exitCode.negative, `${path} cannot be changed: ${refusalOf(reply)}`);
    },
    [Symbol.dispose]: () => access[Symbol.dispose](),
  };
}

/** True if an object was deleted or has another version. False if it could not be read, so that nothing is known. */
function isOther(current: ApiReply, version: unknown): boolean {
  if (current.kind !== 'answered') return false;
  if (current.status !== 200) return current.status === 404;
  return asMapping(current.object['metadata'])?.['resourceVersion'] !== version;
}

/** Returns a MeshTrust. An object with an error is left out: a server keeps its last good version. */
function readObject(item: unknown, parse: ParseOptions): readonly ClusterResource[] {
  const read = readApiObject(item);
  const object = asMapping(item);
  if (read === undefined || object === undefined) return [];
  const { path, text } = read;
  const parsed = parseFile(path, text, parse);
  const [document] = parsed.kind === 'documents' ? parsed.documents : [];
  return document?.kind === 'mesh-trust' ? [{ resource: document.resource, path, object }] : [];
}

/** Returns the text that the cluster source parses of an object. */
export function textOfObject(object: unknown): string {
  return readApiObject(object)?.text ?? '';
}
