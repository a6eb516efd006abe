import { createApiClient } from '../../kubernetes/client/api-client.ts';
import type { ApiClient } from '../../kubernetes/client/api-client.ts';
import { selectorOf } from '../../kubernetes/client/api-object.ts';
import type { WatchedResource } from '../../kubernetes/client/api-object.ts';
import { callApi, refusalOf } from '../../kubernetes/client/call-api.ts';
import type { ApiReply } from '../../kubernetes/client/call-api.ts';
import { loadKubeConfig } from '../../kubernetes/client/kube-config.ts';
import { asMapping } from '../../text/json.ts';
import { reasonOf } from '../../text/system-error.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';

/** How the cluster is reached. */
export interface ClusterOptions {
  readonly kubeconfig?: string | undefined;
  readonly kubeNamespace: string;
  readonly kubeAllNamespaces?: boolean | undefined;
}

/** The objects of one kind. */
export interface ObjectKind extends Pick<WatchedResource, 'group' | 'version' | 'plural' | 'fieldSelector'> {
  /** For people, such as `MeshTrusts`. */
  readonly title: string;
}

/** Requests to the API server of a cluster, with the rights of the user's kubeconfig. */
export interface ClusterAccess extends Disposable {
  /** @throws {CommandError} if the API server cannot be reached. */
  readonly call: (request: Parameters<typeof callApi>[1]) => Promise<ApiReply>;
  /** Like `call`, but without a response it returns whether the request was sent. */
  readonly tryCall: (request: Parameters<typeof callApi>[1]) => Promise<ApiReply>;
  /**
   * Lists all objects of a kind, in pages. `namespace`: `undefined` for those that the options select.
   * @throws {CommandError} if they cannot be listed.
   */
  readonly list: (kind: ObjectKind, namespace?: string) => Promise<readonly unknown[]>;
}

/** The number of objects in a page. */
const pageSize = 50;
/** The limit for a page, in characters: a page of objects of the maximum size (1.5 MiB each) fits. */
const maxPageLength = 128 * 2 ** 20;
/** Milliseconds for a request. */
const patience = 30_000;

/** @throws {CommandError} (usage) if there is no kubeconfig. */
export function openClusterAccess(
  { kubeconfig, kubeNamespace, kubeAllNamespaces }: ClusterOptions,
  { env, cluster, signal }: Pick<CommandIo, 'env' | 'cluster' | 'signal'>,
): ClusterAccess {
  const client = clientOf(kubeconfig ?? cluster?.kubeconfig, cluster, env);
  const tryCall: ClusterAccess['tryCall'] = (request) =>
    callApi(client, request, signal, patience, maxPageLength);
  const call: ClusterAccess['call'] = async (request) => {
    const reply = await tryCall(request);
    if (reply.kind === 'unreachable')
      throw new CommandError(exitCode.unreachable, `the API server cannot be reached: ${reply.reason}`);
    return reply;
  };
  return {
    call,
    tryCall,
    async list(kind, namespace = kubeAllNamespaces === true ? undefined : kubeNamespace) {
      const found: unknown[] = [];
      let next = '';
      do {
        const page = new URLSearchParams({
          limit: String(pageSize),
          ...selectorOf(kind),
          ...(next !== '' && { continue: next }),
        });
        const reply = await call(`${pathOf(kind, namespace)}?${page.toString()}`);
        const items = reply.kind === 'answered' ? reply.object['items'] : undefined;
        if (reply.kind !== 'answered' || reply.status !== 200 || !Array.isArray(items))
          throw new CommandError(exitCode.negative, cannotList(kind, reply));
        found.push(...(items as readonly unknown[]));
        const token = asMapping(reply.object['metadata'])?.['continue'];
        next = typeof token === 'string' ? token : '';
      } while (next !== '');
      return found;
    },
    [Symbol.dispose]: () => client.close(),
  };
}

/** Returns the path of a kind in the API server, in a namespace or in all. */
export function pathOf(
  { group, version, plural }: Omit<ObjectKind, 'title'>,
  namespace: string | undefined,
): string {
  // Only the core group has no name.
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${base}${within}/${plural}`;
}

function cannotList({ title, group, plural }: ObjectKind, reply: ApiReply): string {
  const status = reply.kind === 'answered' ? reply.status : undefined;
  if (status === 200) return `${title} cannot be listed: the API server sent an invalid list`;
  if (status === 404)
    return `${title} cannot be listed: the API server has no ${plural}.${group} (404); install the CRD of Kuma`;
  return `${title} cannot be listed: ${refusalOf(reply)}`;
}

/** `cluster`: the choice of the plugin of kubectl, which must be the cluster in which kubectl finds the servers. */
function clientOf(file: string | undefined, cluster: CommandIo['cluster'], env: CommandIo['env']): ApiClient {
  const options = { likeKubectl: cluster !== undefined };
  try {
    return createApiClient(() => loadKubeConfig(file, { ...env }, cluster?.context, options));
  } catch (error) {
    throw new CommandError(exitCode.usage, reasonOf(error));
  }
}
