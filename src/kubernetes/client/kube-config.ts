import { existsSync, statSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { load as parseYaml, YAMLException } from 'js-yaml';

import { readRegularFileSync } from '../../net/read-regular-file.ts';
import { asMapping } from '../../text/json.ts';
import { reasonOf, reasonWithPlace } from '../../text/system-error.ts';

/** Where a kubeconfig is looked for. */
export interface LoadOptions {
  /** True for the order of kubectl: `~/.kube/config` comes before the service account of the pod. */
  readonly likeKubectl?: boolean | undefined;
  /** The token of the pod's service account, which shows that there is one. */
  readonly tokenFile?: string | undefined;
}

/**
 * Loads the kubeconfig. Like in other controllers, the order is: the given file, the files in `KUBECONFIG`, the service
 * account of the pod, `~/.kube/config`. This does not read the files that a kubeconfig names, for example the token
 * file: `useCredentialFiles` reads them for each request. `context` is used instead of the current context.
 * @throws {Error} if there is no kubeconfig, or it cannot be used.
 */
export function loadKubeConfig(
  file?: string,
  env: NodeJS.ProcessEnv = process.env,
  context?: string,
  {
    likeKubectl = false,
    tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token',
  }: LoadOptions = {},
): KubeConfig {
  const fromEnv = isSet(env['KUBECONFIG']) ? env['KUBECONFIG'].split(delimiter).filter(isSet) : undefined;
  const atHome = `${env['HOME']}/.kube/config`;
  const isInCluster =
    isSet(env['KUBERNETES_SERVICE_HOST']) && existsSync(tokenFile) && !(likeKubectl && existsSync(atHome));
  const config = new KubeConfig();
  if (file !== undefined) {
    config.mergeConfig(readKubeConfig(file));
  } else if (fromEnv === undefined && isInCluster) {
    config.loadFromCluster();
  } else if (fromEnv !== undefined) {
    // As in kubectl, files of the list that do not exist are skipped.
    const present = fromEnv.filter(mayExist);
    for (const path of present.length === 0 ? fromEnv : present) addKubeConfig(config, readKubeConfig(path));
  } else if (existsSync(atHome)) {
    config.mergeConfig(readKubeConfig(atHome));
  } else {
    throw new Error(
      'there is no kubeconfig: neither --kubeconfig, KUBECONFIG, a service account, nor ~/.kube/config',
    );
  }
  if (context !== undefined) {
    if (config.getContextObject(context) === null)
      throw new Error(`the kubeconfig has no context '${context}'`);
    config.setCurrentContext(context);
  }
  if (config.getCurrentCluster() === null) {
    throw new Error(`the kubeconfig has no cluster for its current context '${config.getCurrentContext()}'`);
  }
  return config;
}

/**
 * Adds a kubeconfig to those before it, as kubectl does: the first file that has a cluster, a user, a context or the
 * current context decides. With `mergeConfig` of client-node, the current context of the last file counts, so kubectl
 * and this program would use different clusters.
 */
function addKubeConfig(config: KubeConfig, { clusters, users, contexts, currentContext }: KubeConfig): void {
  config.clusters = firstByName(config.clusters, clusters);
  config.users = firstByName(config.users, users);
  config.contexts = firstByName(config.contexts, contexts);
  if (!isSet(config.currentContext)) config.currentContext = currentContext;
}

/** Returns both lists, without the later entries of names that an earlier entry has. */
function firstByName<Entry extends { readonly name: string }>(
  before: readonly Entry[] = [],
  after: readonly Entry[] = [],
): Entry[] {
  const names = new Set(before.map(({ name }) => name));
  return [...before, ...after.filter(({ name }) => !names.has(name))];
}

/** False if there is certainly no such file. */
function mayExist(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Reading the file reports the reason.
    return true;
  }
}

/** Loads a kubeconfig file. client-node would read it, and its token files, with calls that block at a named pipe. */
function readKubeConfig(path: string): KubeConfig {
  const folder = dirname(path);
  const fields = asMapping(parse(path, readText(path)));
  if (fields === undefined) throw new Error(`the kubeconfig ${path} is not a mapping`);
  const users: unknown = fields['users'];
  const config = new KubeConfig();
  try {
    config.loadFromString(
      JSON.stringify({
        ...fields,
        users: Array.isArray(users) ? users.map((entry) => deferTokenFile(entry, folder)) : users,
      }),
    );
  } catch (error) {
    throw new Error(`the kubeconfig ${path} cannot be used: ${reasonOf(error)}`, { cause: error });
  }
  config.makePathsAbsolute(folder);
  return config;
}

/**
 * Replaces a user's token file (`tokenFile`, or `token-file` in client-node) by the auth provider `tokenFile`, which
 * client-node uses for service accounts. So client-node does not read the file while it loads the kubeconfig.
 */
function deferTokenFile(entry: unknown, folder: string): unknown {
  const user = asMapping(asMapping(entry)?.['user']);
  if (user === undefined || isSet(user['token'])) return entry;
  const { 'token-file': dashed, tokenFile: path = dashed, exec: _, ...rest } = user;
  if (!isSet(path)) return entry;
  const provider = { name: 'tokenFile', config: { tokenFile: resolve(folder, path) } };
  return { ...asMapping(entry), user: { ...rest, 'auth-provider': provider } };
}

function readText(path: string): string {
  try {
    return readRegularFileSync(path).toString('utf8');
  } catch (error) {
    const isOfSystem = (error as NodeJS.ErrnoException).code !== undefined;
    throw new Error(`the kubeconfig ${isOfSystem ? 'cannot be read: ' : ''}${reasonWithPlace(error)}`, {
      cause: error,
    });
  }
}

/** Parses YAML. The error contains the line only: the parser's message quotes the text, with its tokens and keys. */
function parse(path: string, text: string): unknown {
  let line: number | undefined;
  try {
    return parseYaml(text);
  } catch (error) {
    line = error instanceof YAMLException ? error.mark?.line : undefined;
  }
  throw new Error(
    `the kubeconfig ${path} is not valid YAML${line === undefined ? '' : ` (line ${line + 1})`}`,
  );
}

function isSet(text: unknown): text is string {
  return typeof text === 'string' && text !== '';
}
