import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeAuthority } from '../../issue/authority.ts';

/** The trust domain of the demo's client. */
export const demoTrustDomain = 'demo.example';

/** The paths of the demo's files. */
export interface DemoFiles {
  /** The directory that the server watches. */
  readonly trust: string;
  /** The MeshTrust that makes the client trusted. `writeTrust` writes it. */
  readonly trustFile: string;
  /** The CA of the server's and the client's certificates. */
  readonly ca: string;
  readonly server: KeyPair;
  readonly client: KeyPair;
  /** Claims the client's SPIFFE ID, with a certificate of another CA of the same name. */
  readonly stranger: KeyPair;
  /** The bootstrap of the demo's Envoy. */
  readonly bootstrap: string;
  readonly serverLog: string;
  readonly envoyLog: string;
  writeTrust(): Promise<void>;
}

/** Paths of a certificate and its private key (PEM). */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const day = 86_400_000;

/** Makes new certificates for a server, a client and a stranger in `folder`. They are valid for 90 days. */
export async function makeDemoFiles(folder: string, now: number): Promise<DemoFiles> {
  const trust = join(folder, 'trust');
  await mkdir(trust, { recursive: true });
  const options = { commonName: 'Demo CA', now, lifetimeMs: 90 * day };
  const [authority, strange, other] = await Promise.all([
    makeAuthority(options),
    makeAuthority(options),
    makeAuthority({ ...options, commonName: 'Other CA' }),
  ]);
  // At least one MeshTrust must be listed: the server accepts an empty directory only after a delay.
  await writeFile(
    join(trust, 'other-trust.yaml'),
    demoMeshTrust('other.example', 'other.example', other.certificate),
  );
  const spiffeId = `spiffe://${demoTrustDomain}/client`;
  const issued = await Promise.all([
    authority.issue({ commonName: 'Demo server', names: ['localhost', '127.0.0.1'] }),
    authority.issue({ commonName: 'Demo client', spiffeId }),
    strange.issue({ commonName: 'Stranger', spiffeId }),
  ]);
  const [server, client, stranger] = await Promise.all(
    ['server', 'client', 'stranger'].map(async (name, index): Promise<KeyPair> => {
      const pair = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
      await writeFile(pair.cert, issued[index]?.certificate ?? '');
      await writeFile(pair.key, issued[index]?.key ?? '', { mode: 0o600 });
      return pair;
    }),
  );
  if (server === undefined || client === undefined || stranger === undefined) throw new Error('no key pairs');
  const ca = join(folder, 'ca.crt');
  await writeFile(ca, authority.certificate);
  const trustFile = join(trust, 'demo-trust.yaml');
  return {
    trust,
    trustFile,
    ca,
    server,
    client,
    stranger,
    bootstrap: join(folder, 'envoy.json'),
    serverLog: join(folder, 'meshtrust.log'),
    envoyLog: join(folder, 'envoy.log'),
    async writeTrust() {
      // Renamed, so that the file is complete when it appears and the server does not wait for more content.
      const draft = join(folder, 'demo-trust.draft');
      await writeFile(draft, demoMeshTrust(demoTrustDomain, demoTrustDomain, authority.certificate));
      await rename(draft, trustFile);
    },
  };
}

/** Returns a MeshTrust of mesh default in the Universal form, laid out for people. */
export function demoMeshTrust(name: string, trustDomain: string, pem: string): string {
  return `type: MeshTrust
name: ${name}
mesh: default
spec:
  trustDomain: ${trustDomain}
  caBundles:
    - type: Pem
      pem:
        value: |
${pem.trimEnd().replaceAll(/^/gm, ' '.repeat(10))}
`;
}
