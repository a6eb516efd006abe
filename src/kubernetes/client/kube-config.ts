import { existsSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { load as parseYaml, YAMLException } from 'js-yaml';

import { asMapping } from './api-object.ts';
import { readRegularFileSync } from '../../net/read-regular-file.ts';

const tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Where the API server is and who we are, by the rules of other controllers: the file that was named, what
 * `KUBECONFIG` names, the service account of the pod, `~/.kube/config`. The files that it names, for example the token
 * file, are not read here: `useCredentialFiles` reads them for each request.
 * @throws {Error} when there is none of them, or it cannot be used.
 */
export function loadKubeConfig(file?: string, env: NodeJS.ProcessEnv = process.env): KubeConfig {
  const fromEnv = isSet(env['KUBECONFIG']) ? env['KUBECONFIG'].split(delimiter).filter(isSet) : undefined;
  const isInCluster = isSet(env['KUBERNETES_SERVICE_HOST']) && existsSync(tokenFile);
  const atHome = `${env['HOME']}/.kube/config`;
  const config = new KubeConfig();
  if (file !== undefined) {
    config.mergeConfig(readKubeConfig(file));
  } else if (fromEnv === undefined && isInCluster) {
    config.loadFromCluster();
  } else if (fromEnv !== undefined || existsSync(atHome)) {
    for (const path of fromEnv ?? [atHome]) config.mergeConfig(readKubeConfig(path));
  } else {
    throw new Error(
      'there is no kubeconfig: neither --kubeconfig, KUBECONFIG, a service account, nor ~/.kube/config',
    );
  }
  if (config.getCurrentCluster() === null) {
    throw new Error(`the kubeconfig has no cluster for its current context '${config.getCurrentContext()}'`);
  }
  return config;
}

/** The library would open the file, and the token files that it names, with a read that blocks at a named pipe. */
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
    throw new Error(`the kubeconfig ${path} cannot be used: ${messageOf(error)}`, { cause: error });
  }
  config.makePathsAbsolute(folder);
  return config;
}

/**
 * A user with a token file (`tokenFile`, or `token-file` as client-node calls it), as the auth provider `tokenFile` that
 * client-node gives to a service account.
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
    throw new Error(`the kubeconfig ${isOfSystem ? 'cannot be read: ' : ''}${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Says the line only: the parser's words quote the text, which holds tokens and keys. */
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isSet(text: unknown): text is string {
  return typeof text === 'string' && text !== '';
}
