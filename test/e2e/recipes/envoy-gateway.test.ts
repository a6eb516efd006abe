import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { load } from 'js-yaml';

import { makeCa, makeLeaf, makeSelfSignedLeaf } from '../../kit/certificates.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { makeDomain } from '../../kit/domain.ts';
import { meshTrust, skip, startStage } from '../cluster/stage.ts';
import { envoyGatewayCrds } from './crds.ts';
import { installCrds } from './manifests.ts';
import { openRecipe } from './recipe.ts';

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value: unknown;
}

interface EnvoyProxy {
  readonly spec: { readonly bootstrap: { readonly jsonPatches: readonly Operation[] } };
}

interface EnvoyPatchPolicy {
  readonly spec: {
    readonly jsonPatches: readonly { readonly name: string; readonly operation: Operation }[];
  };
}

/** Adds a value to a document by a JSON Pointer whose parents exist (RFC 6902, section 4.1). */
function add(document: object, { op, path, value }: Operation): void {
  assert.equal(op, 'add');
  const names = path.split('/').slice(1);
  const last = names.pop() ?? assert.fail(path);
  let parent = document as Record<string, unknown>;
  for (const name of names) parent = (parent[name] ?? assert.fail(path)) as Record<string, unknown>;
  if (Array.isArray(parent) && last === '-') parent.push(value);
  else parent[last] = value;
}

const typeUrl = (name: string): string => `type.googleapis.com/envoy.${name}`;

/** The listener of a Gateway with TLS, as Envoy Gateway makes it: a filter chain with a transport socket. */
function gatewayListener(port: number): Record<string, unknown> {
  const { certPem, keyPem } = makeSelfSignedLeaf();
  const certificate = {
    certificate_chain: { inline_string: certPem },
    private_key: { inline_string: keyPem },
  };
  const manager = {
    '@type': typeUrl('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'https',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'in' } } },
          ],
        },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': typeUrl('extensions.filters.http.router.v3.Router') },
      },
    ],
  };
  return {
    '@type': typeUrl('config.listener.v3.Listener'),
    name: 'default/eg/https',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      {
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': typeUrl('extensions.transport_sockets.tls.v3.DownstreamTlsContext'),
            common_tls_context: { tls_certificates: [certificate] },
          },
        },
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
      },
    ],
  };
}

test('Envoy Gateway: its listener takes the trust from meshtrust', { skip }, async (t) => {
  const domain = makeDomain('prod.example');
  await using recipe = await openRecipe('envoy-gateway');
  await using stage = await startStage();
  await installCrds(stage, envoyGatewayCrds);
  // The files name the namespace default.
  const strictly = ['--validate=strict', '--warnings-as-errors'];
  for (const file of ['proxy.yaml', 'gateway.yaml', 'policy.yaml'])
    await stage.cluster.kubectl(['apply', ...strictly, '-f', '-'], recipe.text(file));
  await stage.kubectl('apply -f -', meshTrust(domain));
  await stage.meshtrust({ xdsPort: recipe.port(5678) });

  // Envoy Gateway has the listener sent by xDS; here a file stands for it.
  const [port, file] = [await freePort(), recipe.path('/listeners.json')];
  const listener = gatewayListener(port);
  const policy = load(recipe.text('policy.yaml')) as EnvoyPatchPolicy;
  for (const { name, operation } of policy.spec.jsonPatches) {
    assert.equal(name, listener['name']);
    add(listener, operation);
  }
  await writeFile(file, JSON.stringify({ resources: [listener] }));
  const bootstrap = {
    node: { id: 'envoy-default-eg-1', cluster: 'default/eg' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      lds_config: { resource_api_version: 'V3', path_config_source: { path: file } },
    },
    static_resources: { clusters: [] },
  };
  const proxy = load(recipe.text('proxy.yaml')) as EnvoyProxy;
  for (const operation of proxy.spec.bootstrap.jsonPatches) add(bootstrap, operation);
  await recipe.envoy('proxy.yaml', { text: JSON.stringify(bootstrap) });

  await t.test('client of the trust domain: is accepted', async () => {
    await untilDecision(port, domain.client, 'accepted');
  });

  await t.test('stranger, and client without a certificate: are refused', async () => {
    const stranger = makeLeaf(makeCa(), { spiffeId: 'spiffe://prod.example/client' });
    await untilDecision(port, stranger, 'refused');
    await untilDecision(port, undefined, 'refused');
  });
});
