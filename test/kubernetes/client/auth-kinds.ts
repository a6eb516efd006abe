import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

import type { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { callApi } from '../../../src/kubernetes/client/call-api.ts';
import type { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { ca, forClient, listen, serverTls, startEchoServer, writeKubeConfig } from './echo-server.ts';

/** The parts of the program that use client-node: those of `src`, or of a built program. */
export interface KubernetesClient {
  readonly createApiClient: typeof createApiClient;
  readonly loadKubeConfig: typeof loadKubeConfig;
}

interface AuthKind {
  /** The user of the kubeconfig. */
  readonly user: (t: TestContext, dir: TempDir) => object | Promise<object>;
  /** Other fields of the cluster. */
  readonly cluster?: (t: TestContext) => Promise<object>;
  /** The credentials that the API server receives. */
  readonly sees: object;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const bearer = { authorization: 'Bearer secret' };
const withToken = (): object => ({ token: 'secret' });
/** Expires in the year 3000. */
const validToken = jwtOf({ exp: 32_503_680_000 });

/** Every way to authenticate, or to reach the API server, that a kubeconfig has. */
const kinds: Readonly<Record<string, AuthKind>> = {
  token: { user: withToken, sees: bearer },
  'token file': { user: () => ({ tokenFile: 'token' }), sees: { authorization: 'Bearer first' } },
  'auth provider tokenFile, as a service account has it': {
    user: (_, dir) => ({ 'auth-provider': { name: 'tokenFile', config: { tokenFile: dir.join('token') } } }),
    sees: { authorization: 'Bearer first' },
  },
  'user name and password': {
    user: () => ({ username: 'admin', password: 'pass' }),
    sees: { authorization: `Basic ${base64('admin:pass')}` },
  },
  'client certificate as a file': {
    user: () => ({ 'client-certificate': 'tls.crt', 'client-key': 'tls.key' }),
    sees: { client: 'replica' },
  },
  'client certificate in the kubeconfig': {
    user: () => ({
      'client-certificate-data': base64(forClient.certPem),
      'client-key-data': base64(forClient.keyPem),
    }),
    sees: { client: 'replica' },
  },
  'exec plugin that prints a token': { user: () => execOf({ token: 'secret' }), sees: bearer },
  'exec plugin that prints a client certificate': {
    user: () => execOf({ clientCertificateData: forClient.certPem, clientKeyData: forClient.keyPem }),
    sees: { client: 'replica' },
  },
  'auth provider gcp with a command': { user: (_, dir) => commandOf('gcp', dir), sees: bearer },
  'auth provider azure with a command': { user: (_, dir) => commandOf('azure', dir), sees: bearer },
  'auth provider oidc with a valid token': {
    user: () => oidcOf({ 'id-token': validToken }),
    sees: { authorization: `Bearer ${validToken}` },
  },
  'HTTP proxy': {
    user: withToken,
    cluster: async (t) => ({ 'proxy-url': `http://127.0.0.1:${await startHttpProxy(t)}` }),
    sees: bearer,
  },
  'SOCKS proxy': {
    user: withToken,
    cluster: async (t) => ({ 'proxy-url': `socks5://127.0.0.1:${await startSocksProxy(t)}` }),
    sees: bearer,
  },
};

/** Tests each kind with a real HTTPS server. `load` is called once for each test. */
export function testAuthKinds(load: () => Promise<KubernetesClient>): void {
  /** Sends a request with a kubeconfig. Returns the credentials that the API server received. */
  const send = async (t: TestContext, dir: TempDir, user: object, cluster?: object): Promise<unknown> => {
    const { createApiClient, loadKubeConfig } = await load();
    const config = await writeKubeConfig(dir, await startEchoServer(t), user, cluster);
    const client = createApiClient(() => loadKubeConfig(config));
    t.after(() => client.close());
    const reply = await callApi(client, '/version', new AbortController().signal);
    return reply.kind === 'answered' ? reply.object : reply;
  };

  for (const [name, { user, cluster, sees }] of Object.entries(kinds)) {
    test(`${name}: the API server receives the credentials`, async (t) => {
      await using dir = await makeTempDir();
      assert.deepEqual(await send(t, dir, await user(t, dir), await cluster?.(t)), sees);
    });
  }

  test('auth provider oidc with an expired token: the API server receives the token of the issuer', async (t) => {
    await using dir = await makeTempDir();
    // As NODE_EXTRA_CA_CERTS does. client-node 2.0.1 fails if the kubeconfig has the issuer's CA.
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, ca.certPem]);
    t.after(() => setDefaultCACertificates(before));
    const { url, renewed } = await startIssuer(t);
    const user = oidcOf({
      'id-token': jwtOf({ exp: 1 }),
      'client-id': 'meshtrust',
      'refresh-token': 'refresh',
      'idp-issuer-url': url,
    });
    assert.deepEqual(await send(t, dir, user), { authorization: `Bearer ${renewed}` });
  });
}

function execOf(status: object): object {
  const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status };
  const args = ['-c', 'printf %s "$CREDENTIAL"'];
  const env = [{ name: 'CREDENTIAL', value: JSON.stringify(credential) }];
  return { exec: { apiVersion: credential.apiVersion, command: 'sh', args, env } };
}

/** A provider whose token has expired, and whose command prints the next one. */
async function commandOf(name: string, dir: TempDir): Promise<object> {
  const path = dir.join('print token');
  const printed = JSON.stringify({ credential: { token: 'secret', expiry: '2999-01-01T00:00:00Z' } });
  await writeFile(path, `#!/bin/sh\necho '${printed}'\n`);
  await chmod(path, 0o755);
  const config = {
    'access-token': 'expired',
    expiry: '2020-01-01T00:00:00Z',
    'cmd-path': path,
    'token-key': '{.credential.token}',
    'expiry-key': '{.credential.expiry}',
  };
  return { 'auth-provider': { name, config } };
}

function oidcOf(config: object): object {
  return { 'auth-provider': { name: 'oidc', config } };
}

function jwtOf(claims: object): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'RS256' })}.${encode(claims)}.c2lnbmF0dXJl`;
}

/** Starts an OpenID provider that answers each refresh with the token `renewed`. */
async function startIssuer(t: TestContext): Promise<{ readonly url: string; readonly renewed: string }> {
  const server = createHttpsServer(serverTls, (request, response) => {
    response.setHeader('content-type', 'application/json');
    const isDiscovery = request.url === '/.well-known/openid-configuration';
    response.end(JSON.stringify(isDiscovery ? { issuer: url, token_endpoint: `${url}/token` } : tokens));
  });
  t.after(() => server.closeAllConnections());
  const url = `https://localhost:${await listen(t, server)}`;
  const iat = Math.floor(Date.now() / 1000);
  const renewed = jwtOf({ iss: url, aud: 'meshtrust', sub: 'replica', iat, exp: iat + 3600 });
  const tokens = { access_token: 'unused', token_type: 'bearer', expires_in: 3600, id_token: renewed };
  return { url, renewed };
}

async function startHttpProxy(t: TestContext): Promise<number> {
  const proxy = createHttpServer();
  proxy.on('connect', (request, client: Socket) => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    relay(t, client, Number(request.url?.split(':').at(-1)));
  });
  return listen(t, proxy);
}

async function startSocksProxy(t: TestContext): Promise<number> {
  const serve = async (client: Socket): Promise<void> => {
    await once(client, 'data');
    client.write(Buffer.from([5, 0]));
    const [request] = (await once(client, 'data')) as [Buffer];
    client.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
    relay(t, client, request.readUInt16BE(request.length - 2));
  };
  return listen(
    t,
    createServer((client) => void serve(client)),
  );
}

/** Connects a client of a proxy with a port of this machine. */
function relay(t: TestContext, client: Socket, port: number): void {
  const upstream = connect(port, '127.0.0.1');
  client.pipe(upstream).pipe(client);
  for (const socket of [client, upstream]) socket.on('error', () => undefined);
  t.after(() => {
    client.destroy();
    upstream.destroy();
  });
}
