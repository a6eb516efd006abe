import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { environmentVariable, flag, readEnvironment } from '../../../src/cli/flags/flags.ts';
import type { FlagName } from '../../../src/cli/flags/flags.ts';
import { run } from '../run.ts';

/** For each flag: a text other than its default, and the parsed value. */
const samples = {
  dir: ['/a:/b', ['/a', '/b']],
  kubernetes: ['true', true],
  kubeNamespace: ['blue', 'blue'],
  kubeAllNamespaces: ['yes', true],
  kubeStatus: ['yes', false],
  kubeLease: ['mine', 'mine'],
  kubeLeaseNamespace: ['green', 'green'],
  kubeconfig: ['/k', '/k'],
  webhookListen: ['127.0.0.1:9443', '127.0.0.1:9443'],
  webhookCert: ['/wc', '/wc'],
  webhookKey: ['/wk', '/wk'],
  webhookSecret: ['ws', 'ws'],
  webhookConfiguration: ['wv', 'wv'],
  xdsListen: ['unix:/x.sock', 'unix:/x.sock'],
  adminListen: ['[::1]:1', '[::1]:1'],
  adminCert: ['/ac', '/ac'],
  adminKey: ['/ak', '/ak'],
  adminClientCa: ['/aa', '/aa'],
  adminTokenFile: ['/at', '/at'],
  probeListen: ['0.0.0.0:0', '0.0.0.0:0'],
  defaultMesh: ['blue', 'blue'],
  rootTrustDomain: ['a.test', 'a.test'],
  refuseIntermediates: ['on', true],
  distrust: ['/d', '/d'],
  stateDir: ['/s', '/s'],
  guardHold: ['2m', 120_000],
  drainGrace: ['0', 0],
  tlsCert: ['/c', '/c'],
  tlsKey: ['/k', '/k'],
  tlsClientCa: ['/ca', '/ca'],
  tlsClientTrust: ['m', 'm'],
  xdsAuth: ['token, mtls', ['mtls', 'token']],
  xdsAccess: ['/x', '/x'],
  xdsTokenAudience: ['aud', 'aud'],
  xdsTokenIssuer: ['https://i', 'https://i'],
  xdsTokenCache: ['19s', 19_000],
  xdsMaxStreamAge: ['45m', 2_700_000],
  maxDocumentBytes: ['5', 5],
  maxCertificates: ['6', 6],
  maxNames: ['7', 7],
  maxStreams: ['9', 9],
  openRate: ['10', 10],
  openBurst: ['11', 11],
  maxConnectionStreams: ['16', 16],
  maxRequestBytes: ['17', 17],
  requestTimeout: ['18s', 18_000],
  slowTimeout: ['12s', 12_000],
  keepalive: ['13s', 13_000],
  keepaliveTimeout: ['14s', 14_000],
  lostWindow: ['20m', 1_200_000],
  maxConnectionAge: ['15m', 900_000],
  xdsTransport: ['grpc-js', 'grpc-js'],
  workers: ['3', 3],
  cacheBytes: ['8', 8],
  caMetrics: ['1', false],
  server: ['http://a:1 unix:/b', ['http://a:1', 'unix:/b']],
  tokenFile: ['/t', '/t'],
  ca: ['/ca', '/ca'],
  clientCert: ['/cc', '/cc'],
  clientKey: ['/ck', '/ck'],
  identities: ['true', true],
  zone: ['z', 'z'],
  zones: ['a,b', ['a', 'b']],
  federation: ['true', true],
  federationClass: ['spire', 'spire'],
  federationClassless: ['yes', false],
  federationWebCa: ['/ca.pem', '/ca.pem'],
  federationDenyPrivate: ['true', true],
  federationMinInterval: ['1m', 60_000],
  federationMaxInterval: ['1h', 3_600_000],
  federationMaxAge: ['72h', 259_200_000],
  identityLinger: ['forever', { kind: 'forever' }],
  identityRoot: ['/ir', '/ir'],
  identitySecret: [
    'a/b,c/d',
    [
      { namespace: 'a', name: 'b' },
      { namespace: 'c', name: 'd' },
    ],
  ],
  importKubeconfig: ['/ik', '/ik'],
  importContext: ['ic', 'ic'],
  importNamespace: ['in', 'in'],
  importUrl: ['https://g.test:5682', 'https://g.test:5682'],
  importTokenFile: ['/it', '/it'],
  importCa: ['/ica', '/ica'],
  importTrustDomain: ['z=a.test,z=b.test', new Map([['z', new Set(['a.test', 'b.test'])]])],
  nodeId: ['n', 'n'],
  nodeCluster: ['nc', 'nc'],
  envoy: ['e', 'e'],
  once: ['true', true],
  transport: ['sds', 'sds'],
  part: ['cluster', 'cluster'],
  secret: ['ALL', 'ALL'],
  xdsAddress: ['a.test:1', 'a.test:1'],
  xdsCa: ['/xa', '/xa'],
  xdsName: ['x.test', 'x.test'],
  xdsCert: ['/xc', '/xc'],
  xdsKey: ['/xk', '/xk'],
  xdsTokenFile: ['/xt', '/xt'],
  sdsFile: ['/sf', '/sf'],
  xdsSpireSocket: ['unix:/agent.sock', '/agent.sock'],
  proxyListen: ['127.0.0.2:1', '127.0.0.2:1'],
  proxyAdmin: ['unix:/a.sock', 'unix:/a.sock'],
  proxyCert: ['/pc', '/pc'],
  proxyKey: ['/pk', '/pk'],
  trustDomain: ['a.test', 'a.test'],
  forZone: ['z', 'z'],
  universal: ['true', true],
  add: ['true', true],
  format: ['pem', 'pem'],
  sequence: ['7', 7],
  refreshHint: ['1h', 3_600_000],
  mesh: ['blue', 'blue'],
  leaf: ['leaf.pem', 'leaf.pem'],
  chain: ['chain.pem', 'chain.pem'],
  state: ['stale', 'stale'],
  watch: ['true', true],
  version: ['v1', 'v1'],
  proxies: ['3', 3],
  dryRun: ['true', true],
  yes: ['true', true],
  wait: ['true', false],
  timeout: ['90s', 90_000],
  old: ['/old.pem', '/old.pem'],
  new: ['/new.pem', '/new.pem'],
  leafTtl: ['24h', '24h'],
  at: ['2026-11-28T03:00:00Z', '2026-11-28T03:00:00Z'],
  for: ['steady', 'steady'],
  force: ['R24', ['R24']],
  disconnectWindow: ['5m', 300_000],
  consumerWindow: ['5m', 300_000],
  accessLog: ['/access.log', '/access.log'],
  quiet: ['5m', 300_000],
  clockSkew: ['1m', 60_000],
  write: ['true', true],
  apply: ['true', true],
  clean: ['true', true],
  strict: ['TRUE', true],
  url: ['https://a.test/', 'https://a.test/'],
  endpointId: ['spiffe://a.test/b', 'spiffe://a.test/b'],
  bundle: ['/bundle.json', '/bundle.json'],
  as: ['MeshTrust', 'MeshTrust'],
  output: ['json', 'json'],
  accessLogListen: ['127.0.0.1:5681', '127.0.0.1:5681'],
  bundleListen: ['0.0.0.0:8444', '0.0.0.0:8444'],
  bundleProfile: ['spiffe', 'spiffe'],
  bundleCert: ['bundle.crt', 'bundle.crt'],
  bundleKey: ['bundle.key', 'bundle.key'],
  bundleServe: [
    'default/*, edge/edge.example',
    [
      { mesh: 'default', trustDomain: '*' },
      { mesh: 'edge', trustDomain: 'edge.example' },
    ],
  ],
  bundleRefreshHint: ['1h', 3_600_000],
  bundleRate: ['10', 10],
  logLevel: ['warn', 'warn'],
  logFormat: ['pretty', 'pretty'],
} as const satisfies Record<FlagName, readonly [string, unknown]>;

const all = Object.keys(samples) as FlagName[];
const names = all.filter((name) => environmentVariable(name) !== undefined);

/** Returns the value of one flag for a command line and an environment. */
function valueOf(name: FlagName, args: readonly string[], env: Readonly<Record<string, string>>): unknown {
  const command = new Command()
    .addOption(flag(name))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  command.parse(args, { from: 'user' });
  readEnvironment(command, env);
  return command.opts()[name];
}

function variableOf(name: FlagName): string {
  return environmentVariable(name) ?? assert.fail(`${name} has no variable`);
}

suite('flags without a variable', () => {
  const connection = ['server', 'tokenFile', 'ca', 'clientCert', 'clientKey'] as const;

  test('each flag: has a variable only if it is one of serve, or to reach a server', async () => {
    const { stdout } = await run(['serve', '--help']);
    const ofServe = all.filter((name) =>
      new RegExp(`^ +(?:-\\w, )?${flag(name).long}(?= )`, 'm').test(stdout),
    );
    assert.deepEqual(new Set(names), new Set([...ofServe, ...connection]));
  });

  for (const name of all.filter((one) => environmentVariable(one) === undefined)) {
    const [text] = samples[name];
    const option = flag(name);
    const variable = `MESHTRUST_${String(option.long).slice(2).replaceAll('-', '_').toUpperCase()}`;
    test(`${variable} is set → ${option.long} is unchanged, and its help does not name it`, () => {
      const fallback: unknown = option.negate ? true : option.defaultValue;
      assert.deepEqual(valueOf(name, [], { [variable]: text }), fallback);
      assert.doesNotMatch(option.description, /env:/);
    });
  }

  test('a version, a mesh and an output in the environment → commands ignore them', async () => {
    const env = {
      MESHTRUST_VERSION: '1.2.3',
      MESHTRUST_MESH: 'x',
      MESHTRUST_OUTPUT: 'nonsense',
      MESHTRUST_LEAF: '/x',
      MESHTRUST_WATCH: 'maybe',
    };
    const trust = fileURLToPath(new URL('../../../examples/trust', import.meta.url));
    const { code, stdout } = await run(['bundle', trust], env);
    assert.equal(code, 0);
    assert.match(stdout, /^mesh default/);
  });
});

suite('the variable of each flag', () => {
  for (const name of names) {
    const [text, value] = samples[name];
    const option = flag(name);
    const { long, required } = option;
    const fallback: unknown = option.negate ? true : option.defaultValue;
    const variable = variableOf(name);

    test(`${variable}: sets ${long}`, () => {
      assert.notDeepEqual(value, fallback, 'the sample is not the default');
      assert.deepEqual(valueOf(name, [], { [variable]: text }), value);
      assert.deepEqual(valueOf(name, [], {}), fallback);
      assert.deepEqual(valueOf(name, [], { [variable]: '' }), fallback);
    });

    test(`${variable} and ${long} → the command line wins`, () => {
      const given = required ? [`${long}=${text}`] : [String(long)];
      // What would be refused, or mean the contrary, if it were read.
      const other = required ? 'no-such-value' : 'false';
      // Only the variable joins paths.
      const expected = name === 'dir' ? [text] : value;
      assert.deepEqual(valueOf(name, given, { [variable]: other }), expected);
    });
  }

  const switches = ['kubernetes', 'kubeAllNamespaces', 'refuseIntermediates'] as const;
  for (const name of switches) {
    test(`${variableOf(name)}=false → off`, () => {
      for (const no of ['false', '0', 'off', 'No'])
        assert.equal(valueOf(name, [], { [variableOf(name)]: no }), false);
    });
  }

  test('MESHTRUST_NO_CA_METRICS=false → the metrics of each CA are kept', () => {
    assert.equal(valueOf('caMetrics', [], { MESHTRUST_NO_CA_METRICS: 'false' }), true);
  });

  const nonsense: readonly (readonly [FlagName, string, RegExp])[] = [
    ['kubernetes', 'maybe', /MESHTRUST_KUBERNETES: Give true or false/],
    ['server', ' , ', /MESHTRUST_SERVER: It names no server/],
    ['dir', '/a:', /MESHTRUST_DIR: A path is empty/],
    ['guardHold', '30', /MESHTRUST_GUARD_HOLD: Give a duration/],
    ['maxNames', '0', /MESHTRUST_MAX_NAMES: Give a whole number above zero/],
    ['logLevel', 'loud', /MESHTRUST_LOG_LEVEL: Allowed choices are debug, info, warn, error/],
    ['xdsListen', 'here', /MESHTRUST_XDS_LISTEN: not an address: here/],
    ['rootTrustDomain', 'spiffe://a.test', /MESHTRUST_ROOT_TRUST_DOMAIN: It must be the bare name/],
  ];
  for (const [name, text, sentence] of nonsense) {
    test(`${variableOf(name)}=${text}: refused, with the name of the variable`, () =>
      assert.throws(() => valueOf(name, [], { [variableOf(name)]: text }), sentence));
  }

  test('--dir with a colon: is one path, as an argument is', () => {
    assert.deepEqual(valueOf('dir', ['--dir', '/a:/b', '/c'], {}), ['/a:/b', '/c']);
  });

  test('invalid duration of a flag: the same error as for a variable', () => {
    assert.throws(() => flag('guardHold').parseArg?.('soon', undefined), InvalidArgumentError);
  });
});
