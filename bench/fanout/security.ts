import { writeFile } from 'node:fs/promises';
import { makeCa, makeLeaf } from '../../test/kit/certificates.ts';
import type { TempDir } from '../../test/kit/temp-dir.ts';

/** How proxies connect: in plain text, with TLS, or with TLS and a client certificate. */
export type Security = 'plain' | 'tls' | 'mtls';

/** The TLS settings of the simulated proxies, in PEM. */
export interface ClientTls {
  readonly ca: string;
  /** `undefined`: the client has no certificate. */
  readonly identity: { readonly cert: string; readonly key: string } | undefined;
}

/** The TLS files of a server, and the settings of its clients. */
export interface ServerTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** `undefined`: the server requires no client certificate. */
  readonly clientCaFile: string | undefined;
  readonly client: ClientTls;
}

/** The name in the certificate of each server. */
export const serverName = 'localhost';

/** Issues P-256 certificates and writes those of the server to the directory. `undefined`: plain text. */
export async function prepareTls(security: Security, dir: TempDir): Promise<ServerTls | undefined> {
  if (security === 'plain') return undefined;
  const [serverCa, clientCa] = [makeCa({ commonName: 'Server CA' }), makeCa({ commonName: 'Client CA' })];
  const server = makeLeaf(serverCa, { dnsNames: [serverName] });
  const proxy = makeLeaf(clientCa, { spiffeId: 'spiffe://bench.test/proxy' });
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(dir.join(name), text);
    return dir.join(name);
  };
  const isMutual = security === 'mtls';
  return {
    certFile: await write('tls.crt', server.certPem),
    keyFile: await write('tls.key', server.keyPem),
    clientCaFile: isMutual ? await write('client-ca.crt', clientCa.certPem) : undefined,
    client: {
      ca: serverCa.certPem,
      identity: isMutual ? { cert: proxy.certPem, key: proxy.keyPem } : undefined,
    },
  };
}

/** Returns the arguments of `meshtrust serve`. */
export function argumentsOf({ certFile, keyFile, clientCaFile }: ServerTls): readonly string[] {
  return [
    `--tls-cert=${certFile}`,
    `--tls-key=${keyFile}`,
    ...(clientCaFile === undefined ? [] : ['--xds-auth=mtls', `--tls-client-ca=${clientCaFile}`]),
  ];
}

/** Returns the arguments of the peer. */
export function peerArgumentsOf({ certFile, keyFile, clientCaFile }: ServerTls): readonly string[] {
  return [
    '-tls-cert',
    certFile,
    '-tls-key',
    keyFile,
    ...(clientCaFile === undefined ? [] : ['-tls-client-ca', clientCaFile]),
  ];
}
