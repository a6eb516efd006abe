import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type { TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { kubeconfigOf } from '../../kit/kubeconfig.ts';

/** The CA of the server and of client certificates. */
export const ca = makeCa();
const forServer = makeLeaf(ca, { dnsNames: ['localhost'] });
/** A client certificate. */
export const forClient = makeLeaf(ca, { commonName: 'replica' });

/** Starts an API server that answers each request with the credentials that it received. Returns its URL. */
export async function startEchoServer(t: TestContext): Promise<string> {
  const server = createServer(
    { ...serverTls, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const client = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
      response.end(JSON.stringify({ authorization: request.headers.authorization, client }));
    },
  );
  t.after(() => server.closeAllConnections());
  return `https://localhost:${await listen(t, server)}`;
}

/** The certificate of `localhost`, and the CA of clients. */
export const serverTls = { cert: forServer.certPem, key: forServer.keyPem, ca: ca.certPem };

/** Makes a server listen until the test ends. Returns its port. */
export async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Writes a kubeconfig, and the files that it names with relative paths. Returns its path. */
export async function writeKubeConfig(
  dir: TempDir,
  server: string,
  user: object,
  cluster: object = {},
): Promise<string> {
  await writeFile(dir.join('ca.crt'), ca.certPem);
  await writeFile(dir.join('tls.crt'), forClient.certPem);
  await writeFile(dir.join('tls.key'), forClient.keyPem);
  await writeFile(dir.join('token'), 'first\n');
  const config = kubeconfigOf({ server, 'certificate-authority': 'ca.crt', ...cluster }, { ...user });
  await writeFile(dir.join('config'), config);
  return dir.join('config');
}
