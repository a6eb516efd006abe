import type { Cluster, KubeConfig, User } from '@kubernetes/client-node';

import { readRegularFile } from '../../net/read-regular-file.ts';
import { asMapping } from '../../text/json.ts';
import { reasonWithPlace } from '../../text/system-error.ts';

const idpCa = 'idp-certificate-authority';
const idpUrl = 'idp-issuer-url';

/**
 * Returns a function that reads the files which the current cluster and user of `config` name, and puts their content
 * into `config`. Call it before each request: the files rotate. client-node would read them itself, on the event loop
 * and blocking, so that a named pipe in the place of one of them would stop the whole program.
 * The function throws an error that names the file if one cannot be read or is not a regular file.
 */
export function useCredentialFiles(config: KubeConfig): () => Promise<void> {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  const tokenFile = tokenFileOf(user);
  const issuer = refreshOf(user);
  const issuerCaFile = issuer?.[idpCa];
  // client-node passes the text on to openid-client, which only accepts a URL:
  // https://github.com/kubernetes-client/javascript/issues/2202
  if (issuer !== undefined) issuer[idpUrl] = URL.parse(String(issuer[idpUrl])) ?? issuer[idpUrl];
  return async () => {
    const [ca, cert, key, token, issuerCa] = await Promise.all([
      read('certificate-authority', cluster?.caFile),
      read('client-certificate', user?.certFile),
      read('client-key', user?.keyFile),
      isSet(user?.token) ? undefined : read('token file', tokenFile),
      read(idpCa, issuerCaFile),
    ]);
    if (cluster !== null && ca !== undefined) config.clusters = [withCa(cluster, ca)];
    if (user !== null) {
      const read: Partial<User> = {
        ...(cert !== undefined && { certData: cert.toString('base64') }),
        ...(key !== undefined && { keyData: key.toString('base64') }),
        ...(token !== undefined && { token: tokenOf(token, tokenFile) }),
      };
      // client-node's authenticator would read the token file.
      const authProvider: unknown = tokenFile === undefined ? user.authProvider : null;
      config.users = [withFiles(user, { ...read, authProvider })];
    }
    if (issuer !== undefined && issuerCa !== undefined) {
      // In place: client-node stores refreshed tokens in this object.
      delete issuer[idpCa];
      issuer[`${idpCa}-data`] = issuerCa.toString('base64');
    }
  };
}

/** The settings of OIDC, if client-node can refresh the token with them. Then it reads the issuer's CA file. */
function refreshOf(user: User | null): Record<string, unknown> | undefined {
  const provider = asMapping(user?.authProvider);
  const fields = asMapping(provider?.['config']);
  return provider?.['name'] === 'oidc' && isSet(fields?.['refresh-token']) ? fields : undefined;
}

/** The token file that client-node would read, by its order of authenticators. */
function tokenFileOf(user: User | null): string | undefined {
  const provider = asMapping(user?.authProvider);
  const fields = asMapping(provider?.['config']);
  if (user === null || isSet(user.exec) || isSet(fields?.['exec'])) return undefined;
  if (['azure', 'gcp', 'exec'].includes(String(provider?.['name']))) return undefined;
  const path = fields?.['tokenFile'];
  return typeof path === 'string' && path !== '' ? path : undefined;
}

function withCa(cluster: Cluster, ca: Buffer): Cluster {
  const inlined: Cluster = { ...cluster, caData: ca.toString('base64') };
  delete inlined.caFile;
  return inlined;
}

function withFiles(user: User, read: Partial<User>): User {
  const inlined: User = { ...user, ...read };
  delete inlined.certFile;
  delete inlined.keyFile;
  return inlined;
}

async function read(what: string, path: unknown): Promise<Buffer | undefined> {
  if (typeof path !== 'string' || path === '') return undefined;
  try {
    return await readRegularFile(path);
  } catch (error) {
    const reason = reasonWithPlace(error);
    throw new Error(`${what}: ${reason.includes(path) ? reason : `${path}: ${reason}`}`, { cause: error });
  }
}

function tokenOf(bytes: Buffer, path: string | undefined): string {
  const token = bytes.toString('utf8').trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`token file: ${path} contains no token`);
  return token;
}

/** Returns true if client-node uses a value. It ignores null, false and the empty text. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== false;
}
