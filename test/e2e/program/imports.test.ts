import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { MeshDetail } from '../../../src/api/api-types.ts';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import type { Domain } from '../../kit/domain.ts';
import { freePort } from '../../kit/free-port.ts';
import { identityOf, startGlobalApi, trustOf } from '../../kit/global-api.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../../cli/run.ts';

const td = (zone: string): string => `default.${zone}.mesh.local`;

async function meshOf(meshtrust: Meshtrust): Promise<MeshDetail> {
  return JSON.parse((await meshtrust.admin('/api/v1/meshes/default')).body) as MeshDetail;
}

/** Waits until the mesh has these trust domains, and returns its version. */
function untilTrusted(meshtrust: Meshtrust, names: readonly string[]): Promise<string> {
  return poll(`trust domains ${names.join(', ')}`, async () => {
    const { trustDomains, version } = await meshOf(meshtrust);
    const trusted = trustDomains.filter(({ anchors }) => anchors.length > 0).map(({ name }) => name);
    return JSON.stringify(trusted) === JSON.stringify(names) ? version : undefined;
  });
}

test('--import-url: trust of other zones from the REST API of the Global control plane', async (t) => {
  await using global = await startGlobalApi();
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  const [own, second, claimed] = [
    makeDomain(td('zone-1')),
    makeDomain(td('zone-2')),
    makeDomain(td('zone-1')),
  ];
  await writeFile(dir.join('own.yaml'), own.yaml());
  global.resources = [
    identityOf('{{ .Mesh }}.{{ .Zone }}.mesh.local'),
    trustOf('zone-2', second.name, second.ca.certPem),
    { ...trustOf('zone-2', claimed.name, claimed.ca.certPem), name: 'claim' },
  ];
  const options = {
    dirs: [dir.path],
    args: ['--zone=zone-1', `--import-url=${global.url}`, `--state-dir=${state.join('state')}`],
  };
  const meshtrust = await startMeshtrust(options);
  await using _meshtrust = meshtrust;
  let version = '';

  await t.test('zone: is trusted for its own trust domain, and not for that of another one', async () => {
    version = await untilTrusted(meshtrust, [td('zone-1'), td('zone-2')]);
    const { trustDomains, findings } = await meshOf(meshtrust);
    assert.equal(trustDomains[0]?.anchors.length, 1);
    assert.deepEqual(
      findings.filter(({ code }) => code === 'MT090').map(({ severity, file }) => [severity, file]),
      [['error', 'import:default/claim']],
    );
  });

  await t.test('restart while the Global control plane is down: ready, with the same version', async () => {
    await meshtrust.stop();
    await global.close();
    await using again = await startMeshtrust(options);
    await again.logged('the failure', ({ code }) => code === 'MT091');
    assert.equal(await untilTrusted(again, [td('zone-1'), td('zone-2')]), version);
  });

  await t.test('start without a state directory: ready with the trust of this zone', async () => {
    await using fresh = await startMeshtrust({ ...options, args: options.args.slice(0, 2) });
    await fresh.logged('the failure', ({ code }) => code === 'MT091');
    await untilTrusted(fresh, [td('zone-1')]);
  });
});

test('a MeshIdentity of the Global control plane is deleted: its zones stay trusted over a restart', async () => {
  await using global = await startGlobalApi();
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  const [own, second, third] = ['zone-1', 'zone-2', 'zone-3'].map((zone) => makeDomain(td(zone))) as [
    Domain,
    Domain,
    Domain,
  ];
  await writeFile(dir.join('own.yaml'), own.yaml());
  const trusts = [trustOf('zone-2', second.name, second.ca.certPem)];
  global.resources = [identityOf('{{ .Mesh }}.{{ .Zone }}.mesh.local'), ...trusts];
  const options = {
    dirs: [dir.path],
    args: [
      '--zone=zone-1',
      `--import-url=${global.url}`,
      `--state-dir=${state.join('state')}`,
      '--guard-hold=1s',
    ],
  };
  const before = await startMeshtrust(options);
  await using _before = before;
  await untilTrusted(before, [td('zone-1'), td('zone-2')]);
  global.resources = trusts;
  await poll('the end of the MeshIdentity to be kept', async () => {
    const text = await readFile(state.join('state', 'import-vouchers.json'), 'utf8').catch(() => '');
    return text.includes('"until":') || undefined;
  });
  await before.stop();
  // Only the deleted MeshIdentity vouches for zone 3, which is new.
  global.resources = [...trusts, trustOf('zone-3', third.name, third.ca.certPem)];
  await using after = await startMeshtrust(options);
  await untilTrusted(after, [td('zone-1'), td('zone-2'), td('zone-3')]);
});

test('a file of this zone cannot be parsed at the start: a trust domain that is granted to another zone waits for it', async () => {
  await using global = await startGlobalApi();
  await using dir = await makeTempDir();
  const own = makeDomain(td('zone-1'));
  const granted = makeDomain('granted.test');
  await writeFile(dir.join('own.yaml'), own.yaml());
  await writeFile(dir.join('identity.yaml'), '{');
  global.resources = [
    identityOf('{{ .Mesh }}.{{ .Zone }}.mesh.local'),
    trustOf('zone-2', granted.name, granted.ca.certPem),
  ];
  await using meshtrust = await startMeshtrust({
    dirs: [dir.path],
    args: [
      '--identities',
      '--zone=zone-1',
      `--import-url=${global.url}`,
      `--import-trust-domain=zone-2=${granted.name}`,
      '--guard-hold=1s',
    ],
  });
  await meshtrust.logged('the wait', ({ code, msg }) => code === 'MT090' && /it waits/.test(String(msg)));
  await untilTrusted(meshtrust, [own.name]);
  await writeFile(dir.join('identity.yaml'), own.yaml());
  await untilTrusted(meshtrust, [own.name, granted.name]);
});

/**
 * Starts a server of zone-1 that imports from a Global control plane and publishes bundles. `ask` gets a path of them.
 */
async function startPublisher(dir: string, globalUrl: string, served: string) {
  await using stack = new AsyncDisposableStack();
  const files = stack.use(await makeTempDir());
  const web = makeCa({ commonName: 'Web CA' });
  const leaf = makeLeaf(web, { dnsNames: ['localhost'] });
  await writeFile(files.join('tls.crt'), leaf.certPem);
  await writeFile(files.join('tls.key'), leaf.keyPem);
  const port = await freePort();
  const meshtrust = stack.use(
    await startMeshtrust({
      dirs: [dir],
      args: [
        '--zone=zone-1',
        `--import-url=${globalUrl}`,
        `--bundle-listen=127.0.0.1:${port}`,
        `--bundle-cert=${files.join('tls.crt')}`,
        `--bundle-key=${files.join('tls.key')}`,
        `--bundle-serve=${served}`,
      ],
    }),
  );
  const owned = stack.move();
  return {
    meshtrust,
    ask: (path: string) => fetchBundle(`127.0.0.1:${port}`, path, { ca: web.certPem }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('--bundle-serve with imports: a trust domain of another zone is published only if it is named in full', async () => {
  await using global = await startGlobalApi();
  await using dir = await makeTempDir();
  const [own, second, third] = ['zone-1', 'zone-2', 'zone-3'].map((zone) => makeDomain(td(zone))) as [
    Domain,
    Domain,
    Domain,
  ];
  await writeFile(dir.join('own.yaml'), own.yaml());
  global.resources = [
    identityOf('{{ .Mesh }}.{{ .Zone }}.mesh.local'),
    trustOf('zone-2', second.name, second.ca.certPem),
    trustOf('zone-3', third.name, third.ca.certPem),
  ];
  await using publisher = await startPublisher(dir.path, global.url, `default/*,default/${td('zone-3')}`);
  const { meshtrust, ask } = publisher;
  await untilTrusted(meshtrust, [td('zone-1'), td('zone-2'), td('zone-3')]);
  const names = await poll('the bundles', async () => {
    const { body } = await ask('/bundles/default');
    const { trust_domains: found } = JSON.parse(body) as { readonly trust_domains: object };
    return Object.keys(found).length >= 2 ? Object.keys(found) : undefined;
  });
  assert.deepEqual(names.sort(), [td('zone-1'), td('zone-3')]);
});

test('--bundle-serve, and the Global control plane is down at the start: nothing is published without the CAs of other zones', async () => {
  await using global = await startGlobalApi();
  await using dir = await makeTempDir();
  const shared = makeDomain('shared.test');
  const ofZone = makeCa({ commonName: 'zone-2' });
  await writeFile(dir.join('own.yaml'), shared.yaml());
  global.resources = [identityOf(shared.name), trustOf('zone-2', shared.name, ofZone.certPem)];
  global.answer = () => ({ status: 503, body: '{}' });
  await using publisher = await startPublisher(dir.path, global.url, `default/${shared.name}`);
  const { meshtrust, ask } = publisher;
  await meshtrust.logged('the failure', ({ code }) => code === 'MT091');
  await untilTrusted(meshtrust, [shared.name]);
  for (const path of [`/${shared.name}`, '/bundles/default']) {
    const { status, body } = await ask(path);
    assert.deepEqual(
      [status, body],
      [503, 'the bundle is not known before the Global control plane was read\n'],
    );
  }
  global.answer = () => undefined;
  const first = await poll('the bundle', async () => {
    const { status, body } = await ask(`/${shared.name}`);
    return status === 200 ? body : undefined;
  });
  assert.equal((JSON.parse(first) as { readonly keys: readonly object[] }).keys.length, 2);
});

test('flags of imports that contradict each other: exit code 2, with the reason', async () => {
  for (const [args, reason] of [
    [['--import-url', 'https://g.test'], /an import needs --zone/],
    [['--import-kubeconfig', 'k', '--import-url', 'https://g.test', '--zone', 'z'], /cannot be combined/],
    [['--import-context', 'c'], /only with --import-kubeconfig/],
    [['--import-ca', 'c'], /only with --import-url/],
    [['--import-trust-domain', 'z=a.test'], /only with --import-kubeconfig or --import-url/],
    [['--import-trust-domain', 'a.test'], /Give a zone and a trust domain/],
    [['--import-url', 'http://g.test'], /Give an address such as https/],
    [['--zone', 'z'], /--zone with an import/],
  ] as const) {
    const { code, stderr } = await run(['serve', '--dir', '/nowhere', ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, reason);
  }
});
