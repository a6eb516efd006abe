import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { load } from 'js-yaml';
import { makeCa } from '../../kit/certificates.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

/** Options that result in the bootstrap of the examples. */
const demo = [
  'bootstrap',
  '--node-id=demo-proxy',
  '--node-cluster=demo',
  '--proxy-cert=examples/certs/server.crt',
  '--proxy-key=examples/certs/server.key',
];
const tls = [
  '--xds-ca=examples/certs/control-plane-ca.crt',
  '--xds-name=localhost',
  '--xds-cert=examples/certs/proxy.crt',
  '--xds-key=examples/certs/proxy.key',
];

interface Parts {
  readonly node: object;
  readonly static_resources: { readonly clusters: readonly Record<string, unknown>[] };
}

async function clusterOf(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout } = await run(['bootstrap', '--node-id=a', ...args]);
  assert.equal(code, 0);
  const [cluster] = (load(stdout) as Parts).static_resources.clusters;
  assert.ok(cluster !== undefined);
  return cluster;
}

suite('bootstrap', () => {
  const examples = [
    ['delta-ads', []],
    ['sotw-ads', ['--transport=ads']],
    ['delta-sds', ['--transport=delta-sds']],
    ['sotw-sds', ['--transport=sds']],
    ['delta-ads-tls', tls],
  ] as const;
  for (const [name, args] of examples) {
    test(`arguments for ${name}: prints examples/envoy/${name}.yaml`, async () => {
      const example = await readFile(
        new URL(`../../../examples/envoy/${name}.yaml`, import.meta.url),
        'utf8',
      );
      const { code, stdout, stderr } = await run([...demo, ...args]);
      assert.equal(code, 0);
      assert.deepEqual(load(stdout), load(example));
      assert.equal(
        stderr,
        'listener 127.0.0.1:8443 uses the certificate examples/certs/server.crt (--proxy-cert, --proxy-key)\n',
      );
    });
  }

  test('secret that cannot exist: a warning, and the bootstrap', async () => {
    for (const name of ['nope', 'spiffe://Upper.Case', 'spiffe://']) {
      const { code, stdout, stderr } = await run(['bootstrap', '--node-id=a', '--secret', name]);
      assert.equal(code, 0);
      assert.ok(stdout.includes('name: '));
      assert.ok(stderr.includes(`warning: --secret ${name}: no server has a secret of this name`), stderr);
    }
    for (const name of ['ALL', 'ROOTCA', 'system_trust_bundle', 'spiffe://a.test'])
      assert.doesNotMatch((await run(['bootstrap', '--node-id=a', '--secret', name])).stderr, /warning/);
  });

  test('secret or mesh that the server of --server does not have: a warning', async () => {
    await using server = await wholeServer([
      { trustDomain: 'a.test', name: 'a', pems: [makeCa({ commonName: 'A' }).certPem] },
    ]);
    const warned = async (...args: readonly string[]) =>
      (await run(['bootstrap', '--node-id=a', `--server=${server.url}`, ...args])).stderr;
    assert.doesNotMatch(await warned(), /warning/);
    assert.doesNotMatch(await warned('--secret=spiffe://a.test'), /warning/);
    assert.match(await warned('--secret=spiffe://b.test'), /lists no such trust domain in mesh default/);
    assert.match(await warned('--mesh=blue'), /has no mesh blue/);
  });

  test('--part: the TLS of a listener or cluster, or the control plane, as in the whole bootstrap', async () => {
    const part = async (name: string): Promise<unknown> =>
      JSON.parse((await run([...demo, '-o', 'json', '--part', name])).stdout);
    const whole = (await part('bootstrap')) as {
      dynamic_resources: object;
      static_resources: {
        clusters: object[];
        listeners: { filter_chains: { transport_socket: object }[] }[];
      };
    };
    const { dynamic_resources, static_resources } = whole;
    const socket = static_resources.listeners[0]?.filter_chains[0]?.transport_socket;
    assert.deepEqual(await part('listener'), { transport_socket: socket });
    assert.deepEqual(await part('control-plane'), {
      dynamic_resources,
      static_resources: { clusters: static_resources.clusters },
    });
    const upstream = JSON.stringify(await part('cluster'));
    assert.match(upstream, /UpstreamTlsContext/);
    assert.doesNotMatch(upstream, /require_client_certificate/);
    assert.equal((await run(['bootstrap', '--part=cluster'])).code, 0, 'it has no node');
  });

  test('-o json: prints the same as JSON', async () => {
    const [yaml, json] = [await run(demo), await run([...demo, '-o', 'json'])];
    assert.deepEqual(JSON.parse(json.stdout), load(yaml.stdout));
  });

  test('node id with special characters: printed unchanged', async () => {
    const { stdout } = await run(['bootstrap', '--node-id', 'a: [b]\n- "c"', '--mesh', 'yes']);
    assert.deepEqual((load(stdout) as Parts).node, {
      id: 'a: [b]\n- "c"',
      cluster: 'yes',
      metadata: { mesh: 'yes' },
    });
  });

  test('DNS name: STRICT_DNS; IP address or unix socket: STATIC', async () => {
    const kinds = ['meshtrust.mesh.svc:5678', '[::1]:5678', 'unix:/run/xds.sock'].map(async (address) => {
      const { type, load_assignment } = await clusterOf(`--xds-address=${address}`);
      return [type, JSON.stringify(load_assignment).replace(/.*"address":(\{.*?\}\})\}.*/, '$1')];
    });
    assert.deepEqual(await Promise.all(kinds), [
      ['STRICT_DNS', '{"socket_address":{"address":"meshtrust.mesh.svc","port_value":5678}}'],
      ['STATIC', '{"socket_address":{"address":"::1","port_value":5678}}'],
      ['STATIC', '{"pipe":{"path":"/run/xds.sock"}}'],
    ]);
  });

  test('TLS to a name or an IP address: the certificate of the control plane must have it', async () => {
    const context = async (address: string) =>
      JSON.stringify((await clusterOf(`--xds-address=${address}`, '--xds-ca=/ca'))['transport_socket']);
    const named = await context('a.test:1');
    assert.match(named, /"sni":"a\.test"/);
    assert.match(named, /"san_type":"DNS","matcher":\{"exact":"a\.test"\}/);
    const numbered = await context('10.0.0.1:1');
    assert.match(numbered, /"san_type":"IP_ADDRESS","matcher":\{"exact":"10\.0\.0\.1"\}/);
    assert.doesNotMatch(numbered, /sni/);
  });

  test('token: the control plane gets it by a second file, which Envoy reads again', async () => {
    const cluster = await clusterOf('--xds-token-file=/var/run/tokens/meshtrust', '--sds-file=/etc/t.yaml');
    assert.match(
      JSON.stringify(cluster),
      /"http_filters":\[\{"name":"credential_injector".*"path":"\/etc\/t\.yaml"/,
    );
    const { stdout } = await run([
      'bootstrap',
      '--part=token-sds',
      '--xds-token-file=/var/run/tokens/meshtrust',
    ]);
    assert.deepEqual(load(stdout), {
      resources: [
        {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
          name: 'meshtrust-token',
          generic_secret: {
            secret: {
              filename: '/var/run/tokens/meshtrust',
              watched_directory: { path: '/var/run/tokens' },
            },
          },
        },
      ],
    });

    for (const [file, directory] of [
      ['token', '.'],
      ['./token', '.'],
      ['tokens/meshtrust', 'tokens'],
      ['/token', '/'],
    ] as const)
      test(`token file ${file}: Envoy watches the directory ${directory}`, async () => {
        const args = ['bootstrap', '--part=token-sds', `--xds-token-file=${file}`, '-o', 'json'];
        const { stdout } = await run(args);
        assert.ok(stdout.includes(`"path": "${directory}"`), stdout);
      });
  });

  test('token without TLS beyond this machine: a warning', async () => {
    const token = '--xds-token-file=/t/m';
    const stderrOf = async (...args: readonly string[]) =>
      (await run(['bootstrap', '--node-id=a', token, ...args])).stderr;
    assert.match(await stderrOf('--xds-address=a.test:1'), /the token is sent without TLS/);
    assert.doesNotMatch(await stderrOf('--xds-address=127.0.0.1:1'), /without TLS/);
    assert.doesNotMatch(await stderrOf('--xds-address=a.test:1', '--xds-ca=/ca'), /without TLS/);
  });

  test('SPIRE agent: gives the client certificate by SDS', async () => {
    const args = ['--node-id=a', '--xds-ca=/ca', '--xds-spire-socket=unix:/run/agent.sock'];
    const { stdout } = await run(['bootstrap', ...args]);
    const [meshtrust, agent] = (load(stdout) as Parts).static_resources.clusters;
    assert.match(
      JSON.stringify(meshtrust),
      /"tls_certificate_sds_secret_configs":\[\{"name":"default".*"cluster_name":"spire_agent"/,
    );
    assert.match(JSON.stringify(agent), /"name":"spire_agent".*"path":"\/run\/agent\.sock"/);
  });

  const usages: readonly (readonly [args: readonly string[], sentence: RegExp])[] = [
    [[], /--node-id NAME/],
    [['--node-id=a', '--xds-cert=c'], /needs both --xds-cert and --xds-key/],
    [['--node-id=a', '--xds-cert=c', '--xds-key=k'], /needs --xds-ca/],
    [['--node-id=a', '--xds-name=n'], /needs --xds-ca/],
    [['--node-id=a', '--xds-spire-socket=unix:/x'], /needs --xds-ca/],
    [['--node-id=a', '--xds-spire-socket=/x'], /Give unix:PATH/],
    [
      ['--node-id=a', '--xds-ca=c', '--xds-cert=c', '--xds-key=k', '--xds-spire-socket=unix:/x'],
      /either --xds-cert or --xds-spire-socket/,
    ],
    [['--part=token-sds'], /needs --xds-token-file/],
    [['--node-id=a', '--xds-ca=c', '--xds-address=unix:/x'], /--xds-name/],
    [['--node-id=a', '--secret='], /'--secret <name>' argument '' is invalid\. It is empty/],
    [['--node-id=a', '--xds-address=a.test:0'], /port 0/],
    [['--node-id=a', '--xds-address=0.0.0.0:5678'], /is only for listening/],
    [['--node-id=a', '--xds-address=[::]:5678'], /is only for listening/],
    [['--node-id=a', '--proxy-listen=localhost:1'], /an IP address, not on localhost/],
    [['--node-id=a', '--transport=rest'], /Allowed choices are delta-ads, ads, delta-sds, sds/],
  ];
  for (const [args, sentence] of usages) {
    test(`${args.join(' ') || 'no node id'}: refused`, async () => {
      const { code, stdout, stderr } = await run(['bootstrap', ...args]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, sentence);
    });
  }
});
