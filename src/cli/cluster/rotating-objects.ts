import { createApiClient } from '../../kubernetes/client/api-client.ts';
import type { ApiClient } from '../../kubernetes/client/api-client.ts';
import { readApiObject, resource as meshTrusts } from '../../kubernetes/client/api-object.ts';
import { callApi, refusalOf } from '../../kubernetes/client/call-api.ts';
import type { ApiReply } from '../../kubernetes/client/call-api.ts';
import { loadKubeConfig } from '../../kubernetes/client/kube-config.ts';
import { reasonOf } from '../../text/system-error.ts';
import { parseFile } from '../../trust/model/parse-file.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import type { MeshTrust } from '../../trust/model/mesh-trust.ts';
import type { PatchOperation } from '../../trust/rotation/edit-object.ts';
import { asMapping } from '../../text/json.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';

/** A MeshTrust of a cluster. */
interface ClusterResource {
  readonly resource: MeshTrust;
  /** `kubernetes:namespace/name`. */
  readonly path: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** How the cluster is reached. */
export interface ClusterOptions {
  readonly kubeconfig?: string | undefined;
  readonly kubeNamespace: string;
  readonly kubeAllNamespaces?: boolean | undefined;
}

/** The MeshTrusts of a cluster, with the rights of the user's kubeconfig. */
export interface Cluster extends Disposable {
  /** @throws {CommandError} if they cannot be read. */
  readonly read: () => Promise<readonly ClusterResource[]>;
  /** @throws {CommandError} if the object was changed meanwhile, or the API server refuses the patch. */
  readonly patch: (target: ClusterResource, operations: readonly PatchOperation[]) => Promise<void>;
}

/** The number of objects in a page: a response is at most 4 MiB. */
const pageSize = 50;
/** Milliseconds for a request. */
const patience = 30_000;
const fieldManager = 'meshtrust-rotate';

/** @throws {CommandError} (usage) if there is no kubeconfig. */
export function openCluster(
  { kubeconfig, kubeNamespace, kubeAllNamespaces }: ClusterOptions,
  parse: ParseOptions,
  { env, cluster, signal }: Pick<CommandIo, 'env' | 'cluster' | 'signal'>,
): Cluster {
  const client = clientOf(kubeconfig ?? cluster?.kubeconfig, cluster?.context, env);
  const base = `/apis/${meshTrusts.group}/${meshTrusts.version}`;
  const list =
    kubeAllNamespaces === true
      ? `${base}/${meshTrusts.plural}`
      : `${base}/namespaces/${encodeURIComponent(kubeNamespace)}/${meshTrusts.plural}`;
  const call = async (request: Parameters<typeof callApi>[1]): Promise<ApiReply> => {
    const reply = await callApi(client, request, signal, patience);
    if (reply.kind === 'unreachable')
      throw new CommandError(exitCode.unreachable, `the API server cannot be reached: ${reply.reason}`);
    return reply;
  };
  return {
    async read() {
      const found: ClusterResource[] = [];
      let next = '';
      do {
        const page = new URLSearchParams({ limit: String(pageSize), ...(next !== '' && { continue: next }) });
        const reply = await call(`${list}?${page.toString()}`);
        if (reply.kind !== 'answered' || reply.status !== 200)
          throw new CommandError(exitCode.negative, `MeshTrusts cannot be listed: ${refusalOf(reply)}`);
        const items: unknown = reply.object['items'];
        for (const item of Array.isArray(items) ? (items as readonly unknown[]) : [])
          found.push(...readObject(item, parse));
        const token = asMapping(reply.object['metadata'])?.['continue'];
        next = typeof token === 'string' ? token : '';
      } while (next !== '');
      return found;
    },
    async patch({ path, object }, operations) {
      const metadata = asMapping(object['metadata']);
      const [namespace, name] = [metadata?.['namespace'], metadata?.['name']].map((text) =>
        encodeURIComponent(String(text)),
      );
      const reply = await call({
        method: 'PATCH',
        type: 'application/json-patch+json',
        path: `${base}/namespaces/${namespace}/${meshTrusts.plural}/${name}?fieldManager=${fieldManager}`,
        body: operations,
      });
      if (reply.kind === 'answered' && reply.status === 200) return;
      const current = await call(`${base}/namespaces/${namespace}/${meshTrusts.plural}/${name}`);
      throw new CommandError(
        exitCode.negative,
        isOther(current, metadata?.['resourceVersion'])
          ? `refused: R55 conflict: ${path} was changed since this command read it; run the command again`
          : `${path} cannot be changed: ${refusalOf(reply)}`,
      );
    },
    [Symbol.dispose]: () => client.close(),
  };
}

/** True if an object was deleted or has another version. False if it could not be read, so that nothing is known. */
function isOther(current: ApiReply, version: unknown): boolean {
  if (current.kind !== 'answered') return false;
  if (current.status !== 200) return current.status === 404;
  return asMapping(current.object['metadata'])?.['resourceVersion'] !== version;
}

function clientOf(file: string | undefined, context: string | undefined, env: CommandIo['env']): ApiClient {
  try {
    return createApiClient(() => {
      const config = loadKubeConfig(file, { ...env });
      if (context !== undefined) config.setCurrentContext(context);
      return config;
    });
  } catch (error) {
    throw new CommandError(exitCode.usage, reasonOf(error));
  }
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
