/**
 * Makes the certificates of the examples (docs/envoy.md) in `examples/certs/`, new ones at each run:
 *
 *     npm run example:certs
 *
 * They are for trying things out on one machine: the CA's private key is not even written.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeCa, makeLeaf } from '../test/kit/certificates.ts';
import { demoMeshTrust } from '../src/cli/demo/demo-files.ts';

const trustDomain = 'demo.example';

/** The files by name, and who holds each. All certificates are valid for a year, the CAs for ten. */
export function makeExampleCerts(): ReadonlyMap<string, string> {
  const notAfter = new Date(Date.now() + 365 * 86_400_000);
  const ca = makeCa({ commonName: 'Demo CA' });
  const strangeCa = makeCa({ commonName: 'Demo CA' });
  const controlPlaneCa = makeCa({ commonName: 'Demo control plane CA' });
  const spiffeId = `spiffe://${trustDomain}/client`;
  const held = {
    // What the example Envoys show on port 8443.
    server: makeLeaf(ca, { commonName: 'Demo server', dnsNames: ['localhost'], notAfter }),
    // A client that demo-trust.yaml makes trusted, and one that claims its name under a CA of its own.
    client: makeLeaf(ca, { commonName: 'Demo client', spiffeId, notAfter }),
    stranger: makeLeaf(strangeCa, { commonName: 'Stranger', spiffeId, notAfter }),
    // The two ends of TLS between Envoy and meshtrust, for delta-ads-tls.yaml.
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

/** Writes them into `folder`; private keys are for the owner alone. */
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
