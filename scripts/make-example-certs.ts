/**
 * Creates the certificates of the examples (docs/envoy.md) in `examples/certs/`, new ones at each run:
 *
 *     npm run example:certs
 *
 * They are for trials on one machine. The CA's private key is not written to a file.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeCa, makeLeaf } from '../test/kit/certificates.ts';
import { demoMeshTrust } from '../src/cli/demo/demo-files.ts';

const trustDomain = 'demo.example';

/** The files by name, with their owner. Certificates are valid for one year, CAs for ten years. */
export function makeExampleCerts(): ReadonlyMap<string, string> {
  const notAfter = new Date(Date.now() + 365 * 86_400_000);
  const ca = makeCa({ commonName: 'Demo CA' });
  const strangeCa = makeCa({ commonName: 'Demo CA' });
  const controlPlaneCa = makeCa({ commonName: 'Demo control plane CA' });
  const spiffeId = `spiffe://${trustDomain}/client`;
  const held = {
    // The server certificate of the example Envoys on port 8443.
    server: makeLeaf(ca, { commonName: 'Demo server', dnsNames: ['localhost'], notAfter }),
    // A client that demo-trust.yaml trusts, and a client with the same name from another CA.
    client: makeLeaf(ca, { commonName: 'Demo client', spiffeId, notAfter }),
    stranger: makeLeaf(strangeCa, { commonName: 'Stranger', spiffeId, notAfter }),
    // Server and client of TLS between Envoy and meshtrust, for delta-ads-tls.yaml.
    'control-plane': makeLeaf(controlPlaneCa, { commonName: 'meshtrust', dnsNames: ['localhost'], notAfter }),
    proxy: makeLeaf(controlPlaneCa, { commonName: 'Demo proxy', notAfter }),
  };
  return new Map([
    ['ca.crt', ca.certPem],
    ['control-plane-ca.crt', controlPlaneCa.certPem],
    ['demo-trust.yaml', demoMeshTrust('demo-trust', trustDomain, ca.certPem)],
    ...Object.entries(held).flatMap(([name, { certPem, keyPem }]) => [
      [`${name}.crt`, certPem] as const,
      [`${name}.key`, keyPem] as const,
    ]),
  ]);
}

/** Writes the files to `folder`. Only the owner can read private keys. */
export async function writeExampleCerts(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of makeExampleCerts()) {
    await writeFile(join(folder, name), text, { mode: name.endsWith('.key') ? 0o600 : 0o644 });
  }
}

if (import.meta.main) {
  await writeExampleCerts(fileURLToPath(new URL('../examples/certs', import.meta.url)));
  console.log(
    'examples/certs: certificates of a CA, a server, a client and a stranger; demo-trust.yaml trusts the CA',
  );
}
