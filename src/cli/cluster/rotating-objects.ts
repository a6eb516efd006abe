import { readApiObject, resource as meshTrusts } from '../../kubernetes/client/api-object.ts';
import { refusalOf } from '../../kubernetes/client/call-api.ts';
import type { ApiReply } from '../../kubernetes/client/call-api.ts';
import { parseFile } from '../../trust/model/parse-file.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import type { MeshTrust } from '../../trust/model/mesh-trust.ts';
import type { ParsedDocument } from '../../trust/model/parse-mesh-trust.ts';
import { hasPatch } from '../../trust/rotation/edit-object.ts';
import type { PatchOperation } from '../../trust/rotation/edit-object.ts';
import { asMapping } from '../../text/json.ts';
import { CommandError, ConflictError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { openClusterAccess, pathOf } from './cluster-access.ts';
import type { ClusterOptions } from './cluster-access.ts';

/** A MeshTrust of a cluster. */
interface ClusterResource {
  readonly kind: 'mesh-trust';
  readonly resource: MeshTrust;
  /** `kubernetes:namespace/name`. */
  readonly path: string;
  readonly object: Readonly<Record<string, unknown>>;
  /** What is remarkable about it, such as annotations that cannot be read. */
  readonly remarks: Extract<ParsedDocument, { readonly kind: 'mesh-trust' }>['remarks'];
}

/** An object that cannot be read as a MeshTrust: a server keeps its last good version, which may be rotated. */
interface InvalidObject {
  readonly kind: 'invalid';
  readonly path: string;
  /** The codes of its errors. */
  readonly codes: readonly string[];
}

/** The MeshTrusts of a cluster, with the rights of the user's kubeconfig. */
export interface Cluster extends Disposable {
  /** @throws {CommandError} if they cannot be read. */
  readonly read: () => Promise<readonly (ClusterResource | InvalidObject)[]>;
  /**
   * @throws {CommandError} if the object was changed meanwhile, the API server refuses the patch, or it is unknown
   * whether the patch was applied.
   */
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
  const { tryCall } = access;
  return {
    read: async () =>
      (await access.list({ ...meshTrusts, title: 'MeshTrusts' })).flatMap((item) => readObject(item, parse)),
    async patch({ path, object }, operations) {
      const metadata = asMapping(object['metadata']);
      const [namespace, name] = [metadata?.['namespace'], metadata?.['name']].map(String);
      const place = `${pathOf(meshTrusts, namespace)}/${encodeURIComponent(name ?? '')}`;
      const reply = await tryCall({
        method: 'PATCH',
        type: 'application/json-patch+json',
        path: `${place}?fieldManager=${fieldManager}`,
        body: operations,
      });
      if (reply.kind === 'answered' && reply.status === 200) return;
      if (reply.kind === 'unreachable' && !reply.wasSent)
        throw new CommandError(exitCode.unreachable, `the API server cannot be reached: ${reply.reason}`);
      const current = await tryCall(place);
      // The response was lost, and perhaps another client has changed other fields since.
      if (current.kind === 'answered' && current.status === 200 && hasPatch(current.object, operations))
        return;
      if (isOther(current, metadata?.['resourceVersion']))
        throw new ConflictError(
          `refused: R55 conflict: ${path} was changed since this command read it; run the command again`,
        );
      if (reply.kind === 'answered' && reply.status < 500)
        throw new CommandError(exitCode.negative, `${path} cannot be changed: ${refusalOf(reply)}`);
      throw new CommandError(exitCode.unreachable, describeUnknown(path, reply, current));
    },
    [Symbol.dispose]: () => access[Symbol.dispose](),
  };
}

/**
 * Returns the message for a patch without a clear answer. The API server may still carry it out, also if the object
 * does not have it yet.
 */
function describeUnknown(path: string, reply: ApiReply, current: ApiReply): string {
  const what =
    current.kind === 'answered' && current.status === 200
      ? 'the object does not have the change so far, but the API server may still make it'
      : 'and the object cannot be read again';
  return `${path}: it is unknown whether it was changed: the API server did not confirm it (${refusalOf(reply)}); ${what}; look at it with meshtrust rotate status, and run this command again if it was not changed`;
}

/** True if an object was deleted or has another version. False if it could not be read, so that nothing is known. */
function isOther(current: ApiReply, version: unknown): boolean {
  if (current.kind !== 'answered') return false;
  if (current.status !== 200) return current.status === 404;
  return asMapping(current.object['metadata'])?.['resourceVersion'] !== version;
}

function readObject(item: unknown, parse: ParseOptions): readonly (ClusterResource | InvalidObject)[] {
  const read = readApiObject(item);
  const object = asMapping(item);
  if (read === undefined || object === undefined) return [];
  const { path, text } = read;
  const parsed = parseFile(path, text, parse);
  const [document] = parsed.kind === 'documents' ? parsed.documents : [];
  if (document?.kind === 'mesh-trust')
    return [{ kind: 'mesh-trust', resource: document.resource, path, object, remarks: document.remarks }];
  const { findings = [] } = parsed.kind === 'refused' ? parsed : (document ?? {});
  return [{ kind: 'invalid', path, codes: findings.map(({ code }) => code) }];
}

/** Returns the text that the cluster source parses of an object. */
export function textOfObject(object: unknown): string {
  return readApiObject(object)?.text ?? '';
}
