import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { load } from 'js-yaml';
import { denyAllCa } from '../../../src/trust/secret/deny-all-ca.ts';
import { caNamesLimit, countNames } from '../../../src/trust/bundle/ca-names.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import { xdsServerOptions } from '../../../src/xds/index.ts';
import { bundleOf, noPolicy, shareOf } from '../../kit/bundles.ts';
import { longName, makeCa, makeKey } from '../../kit/certificates.ts';
import { corpus } from '../../kit/corpus.ts';
import { decodeSecret } from '../../kit/decode-secret.ts';
import { gone, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { parse } from '../../kit/resources.ts';
import type { DeltaResponse } from '../../xds/codec.ts';
import { answer, startRig, subscribe } from './rig.ts';

const day = 86_400_000;
const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const file = (name: string, ...pems: readonly string[]) =>
  version(`${name}.yaml`, meshTrustYaml({ name, trustDomain: `${name}.test`, pems }));
const secretIn = ({ resources }: DeltaResponse) =>
  decodeSecret(resources[0]?.resource.value ?? assert.fail('no resource'));
const domainsIn = (response: DeltaResponse) => secretIn(response).trustDomains.map(({ name }) => name);

suite('rules that follow from the behaviour of Envoy', () => {
  test('R1 every secret is fail-closed: it has the SPIFFE validator and a trust domain with a CA', async () => {
    await using rig = await startRig();
    rig.apply();
    using stream = rig.connect();
    const names = ['ALL', 'system_trust_bundle', 'spiffe://a.test', 'spiffe://nobody.test'];
    stream.send(subscribe(names));
    const states = [
      [file('a', a.certPem)],
      [gone('a.yaml')],
      [file('a', a.certPem, b.certPem), file('b', b.certPem)],
      [gone('a.yaml'), gone('b.yaml')],
    ];
    let seen = 0;
    const check = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        const response = await stream.next();
        stream.send(answer(response));
        const { validatorName, trustDomains } = secretIn(response);
        assert.equal(validatorName, 'envoy.tls.cert_validator.spiffe');
        assert.ok(trustDomains.length > 0);
        for (const { pem } of trustDomains) assert.match(pem, /^-----BEGIN CERTIFICATE-----/);
        assert.deepEqual(response.removed_resources, []);
        seen += 1;
      }
    };
    await check(names.length);
    for (const events of states) {
      rig.apply(...events);
      await check(3);
    }
    assert.equal(seen, names.length + 3 * states.length);
  });

  test('R2 last CA is revoked: an update to deny-all, never a removal', async () => {
    await using rig = await startRig();
    rig.apply(file('a', a.certPem));
    using stream = rig.connect();
    stream.send(subscribe(['ALL']));
    stream.send(answer(await stream.next()));
    rig.apply(gone('a.yaml'));
    const response = await stream.next();
    assert.deepEqual(secretIn(response).trustDomains, [{ name: denyAllCa.trustDomain, pem: denyAllCa.pem }]);
    assert.deepEqual(response.removed_resources, []);
  });

  test('R3 and R4 broken certificate: is not sent; the others are canonical PEM', async () => {
    await using rig = await startRig();
    const broken = a.certPem.replace(/\n(.)/, '\n!');
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----';
    const messy = `a comment\n${b.certPem.replaceAll('\n', '\r\n')}${key}\n${broken}${b.certPem}`;
    rig.apply(file('a', a.certPem), file('b', messy));
    using stream = rig.connect();
    stream.send(subscribe(['ALL']));
    assert.deepEqual(secretIn(await stream.next()).trustDomains, [
      { name: 'a.test', pem: a.certPem },
      { name: 'b.test', pem: b.certPem },
    ]);
    assert.ok(corpus.length >= 40, 'a real Envoy is fed all of these beside a good resource');
  });

  test('R5 NACK: the bytes are not sent again on the stream, the last good ones are; an ACK on another stream does not count', async () => {
    await using rig = await startRig();
    rig.apply(file('a', a.certPem));
    using stream = rig.connect();
    stream.send(subscribe(['ALL']));
    const good = await stream.next();
    stream.send(answer(good));
    rig.apply(file('a', b.certPem));
    const refused = await stream.next();
    stream.send(answer(refused, 'Failed to load trusted CA certificate for a.test'));
    const again = await stream.next();
    assert.deepEqual(again.resources[0]?.resource.value, good.resources[0]?.resource.value);
    stream.send(answer(again));
    stream.send(answer(again));
    // A node id is only a claim, so a new stream gets what is served. An Envoy that did refuse these bytes
    // acknowledges them now although they are not in force.
    using later = rig.connect();
    later.send(subscribe(['ALL'], { initial_resource_versions: { ALL: good.resources[0]?.version } }));
    const trial = await later.next();
    later.send(answer(trial));
    rig.apply(file('c', a.certPem));
    later.send(answer(await later.next()));
    rig.apply(gone('c.yaml'));
    // Other bytes were sent in between, so an Envoy validates these again.
    const back = await later.next();
    later.send(answer(back));
    later.send(subscribe(['nonsense']));
    await later.next();
    const [refusedVersion, ...versions] = [refused, trial, back].map(
      ({ resources }) => resources[0]?.version,
    );
    assert.deepEqual(versions, [refusedVersion, refusedVersion]);
    assert.deepEqual(
      rig.acks.filter(({ version }) => version === refusedVersion).map(({ believed }) => believed),
      [false, true],
    );
  });

  test('R6 names of all CAs of a secret: fit into a handshake', () => {
    const key = makeKey();
    const builder = createMeshBuilder(noPolicy);
    const crowds = ['a', 'b'].map((name) =>
      shareOf(
        `${name}.test`,
        Array.from({ length: 20 }, (_, index) => makeCa({ subject: longName(2000, `${name}${index}`), key })),
        name,
      ),
    );
    const holdings = new Map([['default', new Map(crowds.map((share) => [share.trustDomain, [share]]))]]);
    const { bundle } = builder.build(holdings, Date.now()).get('default') ?? assert.fail();
    assert.ok(countNames(bundle.bundles).size > 65_535);
    assert.ok(countNames(bundle.merged).size <= caNamesLimit && caNamesLimit < 65_000);
    assert.equal(bundle.merged.length, 1);
  });

  test('R7 same-key certificates: only the valid one is sent', () => {
    const key = makeKey();
    const at = (from: number, to: number) =>
      makeCa({
        commonName: 'T',
        key,
        notBefore: new Date(Date.now() + from * day),
        notAfter: new Date(Date.now() + to * day),
      });
    const [expired, valid, future] = [at(-9, -1), at(-9, 9), at(3, 99)];
    const { anchors } = bundleOf([shareOf('a.test', [expired, future, valid])]);
    assert.deepEqual(
      anchors.map(({ der }) => Buffer.from(der)),
      [valid.der],
    );
  });

  test('R8 any order of the input: the same bytes', async () => {
    const bodyOf = (order: readonly string[]) => {
      const builder = createMeshBuilder(noPolicy);
      const shares = order.map((name) => shareOf(`${name}.test`, name === 'a' ? [a, b] : [b, a], name));
      const state = builder.build(
        new Map([['default', new Map(shares.map((share) => [share.trustDomain, [share]]))]]),
        Date.now(),
      );
      return state.get('default')?.secrets.secrets.get('ALL')?.body;
    };
    const expected = bodyOf(['a', 'b', 'c']);
    assert.ok(expected !== undefined);
    fc.assert(
      fc.property(fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 3 }), (order) =>
        assert.deepEqual(bodyOf(order), expected),
      ),
      { numRuns: 10 },
    );
    // And what is equal is not sent again.
    await using rig = await startRig();
    rig.apply(file('a', a.certPem, b.certPem));
    using stream = rig.connect();
    stream.send(subscribe(['ALL']));
    stream.send(answer(await stream.next()));
    rig.apply(file('a', b.certPem, `# moved\n${a.certPem}`));
    rig.apply(file('c', a.certPem));
    assert.deepEqual(domainsIn(await stream.next()), ['a.test', 'c.test']);
    assert.equal(stream.received, 2);
  });

  test('R9 trust domain names that Envoy cannot match: are refused', () => {
    const names = [
      'A.test',
      'spiffe://a.test',
      'a.test/ns',
      ' a.test',
      'a.test:1',
      '*',
      '',
      'deny-all.invalid',
    ];
    for (const trustDomain of names) {
      const parsed = parse(meshTrustYaml({ name: 'x', trustDomain, pems: [a.certPem] }));
      assert.equal(parsed.kind === 'documents' && parsed.documents[0]?.kind, 'invalid', trustDomain);
    }
  });

  test('R10 wildcard requests of types that are not served: an empty response at once', async () => {
    await using rig = await startRig();
    using stream = rig.connect();
    const types = ['envoy.config.cluster.v3.Cluster', 'envoy.config.listener.v3.Listener'];
    for (const type of types) {
      const typeUrl = `type.googleapis.com/${type}`;
      stream.send({ node: { id: 'proxy' }, type_url: typeUrl });
      const response = await stream.next();
      assert.deepEqual(
        [response.type_url, response.resources, response.removed_resources],
        [typeUrl, [], []],
      );
    }
  });

  test('R11 an unknown name: is sent as removed, so that Envoy does not wait for it', async () => {
    await using rig = await startRig();
    rig.apply();
    using stream = rig.connect();
    stream.send(subscribe(['nonsense']));
    assert.deepEqual((await stream.next()).removed_resources, ['nonsense']);
  });

  test('R12 name is subscribed to again: is answered, whatever version the proxy has', async () => {
    await using rig = await startRig();
    rig.apply(file('a', a.certPem));
    using stream = rig.connect();
    stream.send(subscribe(['ALL']));
    const first = await stream.next();
    stream.send(answer(first));
    stream.send(subscribe(['ALL']));
    assert.equal((await stream.next()).resources[0]?.version, first.resources[0]?.version);
    stream.send({ ...subscribe([]), resource_names_unsubscribe: ['ALL'] });
    stream.send(subscribe(['ALL']));
    assert.equal((await stream.next()).resources[0]?.version, first.resources[0]?.version);
  });

  test('R13 a delta response: has the version of the mesh, which Envoy shows', async () => {
    await using rig = await startRig();
    rig.apply(file('a', a.certPem));
    using stream = rig.connect();
    stream.send(subscribe(['ALL']));
    const first = await stream.next();
    stream.send(answer(first));
    rig.apply(file('a', b.certPem));
    const second = await stream.next();
    assert.match(first.system_version_info, /^[0-9a-f]{32}$/);
    assert.notEqual(first.system_version_info, second.system_version_info);
  });

  test('R14 the bootstraps in the examples: send the node once, ping, and are closed by default', async () => {
    const folder = new URL('../../../examples/envoy/', import.meta.url);
    const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    assert.equal(names.length, 5);
    for (const name of names) {
      const text = JSON.stringify(load(await readFile(new URL(name, folder), 'utf8')));
      assert.match(text, /"set_node_on_first_message_only":true/, name);
      assert.match(text, /"connection_keepalive":\{"interval"/, name);
      assert.match(
        text,
        /"default_validation_context":\{"custom_validator_config":.*?"trust_domains":\[\]/,
        name,
      );
    }
  });

  test('R15 a connection age: is never set without its grace', () => {
    const options = xdsServerOptions({ maxConnectionAgeMs: 1000 });
    assert.equal(options['grpc.max_connection_age_ms'], 1000);
    assert.ok(Number(options['grpc.max_connection_age_grace_ms']) > 0);
    assert.equal('grpc.max_connection_age_ms' in xdsServerOptions(), false);
  });
});
