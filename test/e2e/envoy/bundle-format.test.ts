import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';

import { run } from '../../cli/run.ts';
import { makeSelfSignedLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { tryClient, untilDecision } from '../../kit/tls-client.ts';
import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startEnvoyOf } from './printed-bootstrap.ts';

const validator = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';
const example = fileURLToPath(new URL('../../../examples/envoy/sotw-sds.yaml', import.meta.url));

test('Envoy with bundle --format spiffe as a file: accepts its clients', { skip }, async (t) => {
  for (const { path, version } of binaries) await t.test(version, () => decides(path));
});

async function decides(envoyPath: string): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const [domain, other] = [makeDomain('a.test'), makeDomain('b.test')];
  await writeFile(dir.join('a.yaml'), domain.yaml());
  const { code, stdout } = await run(['bundle', dir.join('a.yaml'), '--format', 'spiffe', '--sequence', '1']);
  assert.equal(code, 0);
  await writeFile(dir.join('bundles.json'), stdout);

  // An example with another source of trust; everything else is unchanged.
  const bootstrap = load(await readFile(example, 'utf8')) as Bootstrap;
  const [listener] = bootstrap.static_resources.listeners;
  assert.ok(listener !== undefined);
  const [port, adminPort] = [await freePort(), await freePort()];
  listener.address.socket_address.port_value = port;
  bootstrap.admin.address.socket_address.port_value = adminPort;
  const identity = makeSelfSignedLeaf({ commonName: 'listener' });
  const tls = listener.filter_chains[0]?.transport_socket.typed_config;
  assert.ok(tls !== undefined);
  tls.common_tls_context = {
    tls_certificates: [
      {
        certificate_chain: { inline_string: identity.certPem },
        private_key: { inline_string: identity.keyPem },
      },
    ],
    validation_context: {
      custom_validator_config: {
        name: 'envoy.tls.cert_validator.spiffe',
        typed_config: { '@type': validator, trust_bundles: { filename: dir.join('bundles.json') } },
      },
    },
  };
  await writeFile(dir.join('envoy.json'), JSON.stringify(bootstrap));
  const envoy = stack.use(await startEnvoyOf(envoyPath, dir.join('envoy.json')));
  await poll('Envoy to be ready', async () => {
    const exit = envoy.exited();
    if (exit !== undefined) throw new Error(envoy.stderr());
    const response = await fetch(`http://127.0.0.1:${adminPort}/ready`).catch(() => undefined);
    return response?.status === 200 ? true : undefined;
  });
  await untilDecision(port, domain.client, 'accepted');
  assert.notEqual(await tryClient(port, other.client), 'accepted');
}

/** The parts of a bootstrap that are set here. */
interface Bootstrap {
  readonly admin: Address;
  readonly static_resources: {
    readonly listeners: readonly (Address & {
      readonly filter_chains: readonly {
        readonly transport_socket: { readonly typed_config: { common_tls_context: object } };
      }[];
    })[];
  };
}

interface Address {
  readonly address: { readonly socket_address: { port_value: number } };
}
