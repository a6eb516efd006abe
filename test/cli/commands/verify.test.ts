import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { load } from 'js-yaml';

import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

const root = makeCa({ commonName: 'Root' });
const middle = makeIntermediate(root, { commonName: 'Middle' });
const leaf = makeLeaf(middle, { spiffeId: 'spiffe://a.test/web', commonName: 'web' });
const stranger = makeLeaf(makeCa({ commonName: 'Elsewhere' }), { spiffeId: 'spiffe://a.test/web' });
const resource = { name: 'a', trustDomain: 'a.test', pems: [root.certPem] };

/** Writes the files of a client and a MeshTrust. */
async function files() {
  const dir = await makeTempDir();
  await writeFile(dir.join('a.yaml'), meshTrustYaml(resource));
  await writeFile(dir.join('leaf.pem'), leaf.certPem);
  await writeFile(dir.join('leaf.der'), leaf.der);
  await writeFile(dir.join('middle.pem'), middle.certPem);
  await writeFile(dir.join('svid.pem'), leaf.keyPem + leaf.certPem + middle.certPem);
  await writeFile(dir.join('stranger.pem'), stranger.certPem);
  return dir;
}

suite('verify', () => {
  test('accepted client: prints the trust anchor and the path', async () => {
    await using dir = await files();
    const client = ['--leaf', dir.join('leaf.pem'), '--chain', dir.join('middle.pem')];
    const { code, stdout, stderr } = await run(['verify', ...client, dir.join('a.yaml')]);
    assert.equal(code, 0, stderr);
    const [verdict, titles, ...rows] = stdout.trimEnd().split('\n');
    assert.equal(verdict, 'admitted: spiffe://a.test/web, by a CA certificate of trust domain a.test');
    assert.match(titles ?? '', /^ROLE +FINGERPRINT +UNTIL +SUBJECT$/);
    assert.deepEqual(
      rows.map((row) => row.replace(/ +[0-9a-f]{16} +\S+ +/, ' ')),
      ['leaf CN=web', 'intermediate CN=Middle', 'anchor CN=Root'],
    );
  });

  test('leaf file: reads the chain from it, skips its key, accepts DER', async () => {
    await using dir = await files();
    const one = await run(['verify', '--leaf', dir.join('svid.pem'), dir.join('a.yaml')]);
    assert.equal(one.code, 0, one.stdout);
    const client = ['--leaf', dir.join('leaf.der'), '--chain', dir.join('middle.pem')];
    const other = await run(['verify', ...client, dir.join('a.yaml')]);
    assert.equal(other.stdout, one.stdout);
  });

  for (const [change, damaged, reason] of [
    ['a byte too many', (der: Buffer) => Buffer.concat([der, Buffer.of(0)]), /data follows the end/],
    ['a byte too few', (der: Buffer) => der.subarray(0, -1), /cannot be read/],
  ] as const) {
    test(`DER file with ${change}: exit code 2, since no client can send it`, async () => {
      await using dir = await files();
      await writeFile(dir.join('damaged.der'), damaged(await readFile(dir.join('leaf.der'))));
      const { code, stderr } = await run(['verify', '--leaf', dir.join('damaged.der'), dir.join('a.yaml')]);
      assert.equal(code, 2);
      assert.match(stderr, /damaged\.der cannot be read: /);
      assert.match(stderr, reason);
    });
  }

  test('refused client: prints the reason, exit 1', async () => {
    await using dir = await files();
    const { code, stdout } = await run(['verify', '--leaf', dir.join('leaf.pem'), dir.join('a.yaml')]);
    assert.equal(code, 1);
    assert.match(stdout, /^refused: the issuer of the leaf, CN=Middle, is not listed .* \(no-path\)\n/);
  });

  test('JSON and YAML: have the same fields', async () => {
    await using dir = await files();
    const args = ['verify', '--leaf', dir.join('stranger.pem'), dir.join('a.yaml')];
    const json: unknown = JSON.parse((await run([...args, '-o', 'json'])).stdout);
    assert.deepEqual(load((await run([...args, '-o', 'yaml'])).stdout), json);
    const { mesh, verdict, code, trustDomain } = json as Record<string, unknown>;
    assert.deepEqual(
      { mesh, verdict, code, trustDomain },
      { mesh: 'default', verdict: 'refused', code: 'no-path', trustDomain: 'a.test' },
    );
  });

  test('no files: asks the server', async () => {
    await using dir = await files();
    await using server = await wholeServer([resource]);
    const ask = (file: string, ...more: string[]) =>
      run(['verify', '--server', server.url, '--leaf', dir.join(file), ...more]);
    const admitted = await ask('svid.pem');
    assert.equal(admitted.code, 0, admitted.stderr);
    assert.equal(
      admitted.stdout,
      (await run(['verify', '--leaf', dir.join('svid.pem'), dir.join('a.yaml')])).stdout,
    );
    assert.equal((await ask('stranger.pem')).code, 1);
    const unknown = await ask('svid.pem', '--mesh', 'nobody');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /mesh nobody: no MeshTrust lists it/);
  });

  test('refused resource: names it, and that a server may decide differently', async () => {
    await using dir = await files();
    await writeFile(dir.join('a.yaml'), meshTrustYaml(resource).replace('trustDomain:', 'domain:'));
    await writeFile(dir.join('b.yaml'), meshTrustYaml({ ...resource, name: 'b', trustDomain: 'b.test' }));
    const args = ['verify', '--leaf', dir.join('svid.pem'), dir.join('a.yaml')];
    const { code, stdout, stderr } = await run([...args, dir.join('b.yaml')]);
    assert.equal(code, 1);
    assert.match(stdout, /^refused: trust domain a\.test has no CA /);
    const [error, note] = stderr.split('\n');
    assert.match(error ?? '', /^error: .*a\.yaml:\d+ spec\.trustDomain: MT003 /);
    assert.match(
      note ?? '',
      /^note: a whole file or resource is refused; a server that has a previous version/,
    );
    const alone = await run(args);
    assert.equal(alone.code, 2);
    assert.match(
      alone.stderr,
      /^error: mesh default: a whole file or resource is refused \(1 error\), .* so its trust is unknown: .*a\.yaml:\d+ /,
    );
  });

  test('CAs that do not fit into the secret of all trust domains: a note says so', async () => {
    await using dir = await files();
    const cas = Array.from({ length: 70 }, (_, index) =>
      makeCa({ key: root, commonName: `${index}${'x'.repeat(1000)}` }),
    );
    const pems = cas.map(({ certPem }) => certPem);
    await writeFile(dir.join('b.yaml'), meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems }));
    const clients = cas.map((ca) => makeLeaf(ca, { spiffeId: 'spiffe://b.test/web' }));
    for (const client of [clients[0], clients.at(-1)]) {
      await writeFile(dir.join('b.pem'), client?.certPem ?? '');
      const { stderr } = await run(['verify', '--leaf', dir.join('b.pem'), dir.join('b.yaml')]);
      assert.match(
        stderr,
        /^note: \d+ of 70 CA certificates of trust domain b\.test do not fit into the secret of all trust domains, /m,
      );
    }
    await writeFile(
      dir.join('b.yaml'),
      meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: pems.slice(0, 1) }),
    );
    const { stderr } = await run(['verify', '--leaf', dir.join('b.pem'), dir.join('b.yaml')]);
    assert.equal(stderr, '');
  });

  test('refused certificate: is named', async () => {
    await using dir = await files();
    await writeFile(dir.join('a.yaml'), meshTrustYaml({ ...resource, pems: [root.certPem, leaf.certPem] }));
    const { code, stderr } = await run(['verify', '--leaf', dir.join('svid.pem'), dir.join('a.yaml')]);
    assert.equal(code, 0);
    assert.match(stderr, /^error: .*a\.yaml:\d+ .*MT015 [^\n]*\n$/);
  });

  test('--distrust: distrusted CA certificates do not count', async () => {
    await using dir = await files();
    const json = await run(['verify', '--leaf', dir.join('svid.pem'), dir.join('a.yaml'), '-o', 'json']);
    const { anchor } = JSON.parse(json.stdout) as { readonly anchor: string };
    await writeFile(dir.join('distrusted'), `${anchor}\n`);
    const args = ['--leaf', dir.join('svid.pem'), dir.join('a.yaml'), '--distrust', dir.join('distrusted')];
    const { code, stdout } = await run(['verify', ...args]);
    assert.equal(code, 1);
    assert.match(stdout, /^refused: trust domain a\.test has no CA \(unknown-trust-domain\)\n/);
  });

  test('several possible issuers: notes that Envoy 1.36 may choose another', async () => {
    await using dir = await files();
    const plain = { commonName: 'Twin', subjectKeyId: false, authorityKeyId: undefined } as const;
    const [one, other] = [makeCa(plain), makeCa(plain)];
    const pems = [one.certPem, other.certPem];
    await writeFile(dir.join('b.yaml'), meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems }));
    const client = makeLeaf(one, { ...plain, commonName: 'web', spiffeId: 'spiffe://b.test/web' });
    await writeFile(dir.join('b.pem'), client.certPem);
    const { stderr } = await run(['verify', '--leaf', dir.join('b.pem'), dir.join('b.yaml')]);
    assert.match(stderr, /^note: several anchors can be the issuer of CN=web; /);
  });

  test('several possible issuers among many CAs: the verdict is unknown, exit 1', async () => {
    await using dir = await files();
    const plain = { commonName: 'Twin', subjectKeyId: false, authorityKeyId: undefined } as const;
    const twins = [makeCa(plain), makeCa(plain)] as const;
    const others = Array.from({ length: 23 }, (_, index) => makeCa({ commonName: `CA ${index}` }));
    const pems = [...twins, ...others].map(({ certPem }) => certPem);
    await writeFile(dir.join('b.yaml'), meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems }));
    for (const twin of twins) {
      const client = makeLeaf(twin, { ...plain, commonName: 'web', spiffeId: 'spiffe://b.test/web' });
      await writeFile(dir.join('b.pem'), client.certPem);
      const args = ['verify', '--leaf', dir.join('b.pem'), dir.join('b.yaml')];
      const { code, stdout } = await run(args);
      assert.match(stdout, /^unknown: whether Envoy admits spiffe:\/\/b\.test\/web depends on /);
      assert.equal(code, 1);
      const json = JSON.parse((await run([...args, '-o', 'json'])).stdout) as Record<string, unknown>;
      assert.deepEqual([json['verdict'], json['contested']], ['unknown', ['CN=web']]);
      assert.equal('anchor' in json || 'code' in json, false);
    }
  });

  test('leaf that cannot be read: exit 2; server does not answer: exit 3', async () => {
    await using dir = await files();
    const leafFile = dir.join('leaf.pem');
    assert.match((await run(['verify', dir.path])).stderr, /--leaf FILE/);
    assert.equal((await run(['verify', dir.path])).code, 2);
    assert.equal((await run(['verify', '--leaf', dir.join('none.pem'), dir.path])).code, 2);
    await writeFile(dir.join('empty.pem'), '');
    const empty = await run(['verify', '--leaf', leafFile, '--chain', dir.join('empty.pem'), dir.path]);
    assert.equal(empty.code, 2);
    assert.match(empty.stderr, /empty\.pem: contains no certificate/);
    const server = `http://127.0.0.1:${await freePort()}`;
    assert.equal((await run(['verify', '--leaf', leafFile, '--server', server])).code, 3);
  });

  const damaged: readonly (readonly [string, string, RegExp])[] = [
    [
      'a damaged first block',
      stranger.certPem.replace('\nMI', '\n*MI') + leaf.certPem + middle.certPem,
      /:1 block 1 cannot be read: /,
    ],
    [
      'a byte order mark before the first block',
      `\ufeff${leaf.certPem}${middle.certPem}`,
      /:1 block 1 cannot be read: a byte order mark precedes the BEGIN line/,
    ],
    [
      'a first block with another label',
      stranger.certPem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE') + leaf.certPem,
      /:1 block 1 cannot be read: /,
    ],
    [
      'a first block without END line',
      stranger.certPem.replace(/-----END.*\n/, '') + leaf.certPem,
      /:1 block 1 cannot be read: the block has no END line before the next BEGIN line/,
    ],
    [
      'a damaged block of the chain',
      leaf.certPem + middle.certPem.replace('\nMI', '\n*MI'),
      /block 2 cannot be read: /,
    ],
    [
      'a lost chunk from a private key into the leaf',
      `-----BEGIN PRIVATE KEY-----\n${stranger.certPem.split('\n').slice(3).join('\n')}${leaf.certPem}`,
      /:1 block 1 cannot be read: the END line and the BEGIN line have different labels/,
    ],
    [
      'a private key without END line before the leaf',
      `-----BEGIN PRIVATE KEY-----\n${stranger.certPem}${leaf.certPem}`,
      /:1 block 1 cannot be read: the block has no END line/,
    ],
    ...['CERTIFCATE', 'certificate', 'CERT', 'CERTIFICATE 1', 'NEW CERTIFICATE', 'CRT', 'PKCS7'].map(
      (label) =>
        [
          `a first block labelled ${label}`,
          stranger.certPem.replaceAll('CERTIFICATE', label) + leaf.certPem,
          /:1 block 1 cannot be read: its label is not known; give a block with the label CERTIFICATE/,
        ] as const,
    ),
    ...(
      [
        ['without armour', ''],
        ['after BEGIN with fullwidth letters', '-----\uff22\uff25\uff27\uff29\uff2e CERTIFICATE-----\n'],
        ['after BEGIN with a Cyrillic letter', '-----\u0412EGIN CERTIFICATE-----\n'],
        ['after BEGIN with one hyphen', '-BEGIN CERTIFICATE-\n'],
      ] as const
    ).flatMap(([where, begin]) =>
      [20, 32, 64].map(
        (columns) =>
          [
            `base64 of ${columns} columns ${where}`,
            begin + bodyOf(stranger.certPem, columns) + leaf.certPem,
            begin === '' ? /:1 (block 1 )?cannot be read: [^:]*base64/ : /:[12] (block 1 )?cannot be read: /,
          ] as const,
      ),
    ),
    [
      'base64 after a private key',
      leaf.keyPem + bodyOf(stranger.certPem, 32) + leaf.certPem,
      /cannot be read: base64 is outside of a block/,
    ],
    ...['PRIVATE KEY', 'X509 CRL', 'CERTIFICATE REQUEST'].map(
      (label) =>
        [
          `a certificate labelled ${label}`,
          stranger.certPem.replaceAll('CERTIFICATE', label) + leaf.certPem,
          /:1 block 1 cannot be read: it contains a certificate, but its label is not CERTIFICATE/,
        ] as const,
    ),
    ['UTF-16', `${stranger.certPem.split('').join('\0')}\0${leaf.certPem}`, /it has NUL bytes/],
  ];
  for (const [what, text, message] of damaged) {
    test(`leaf file: ${what} → exit code 2, and no verdict about another certificate`, async () => {
      await using dir = await files();
      await writeFile(dir.join('damaged.pem'), text);
      const { code, stdout, stderr } = await run(['verify', '--leaf', dir.join('damaged.pem'), dir.path]);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.equal(code, 2);
    });
  }

  const sound: readonly (readonly [string, string])[] = [
    [
      'the attributes that openssl pkcs12 writes',
      'Bag Attributes\n    localKeyID: 01 A5 \nsubject=CN = web\n',
    ],
    [
      'a fingerprint and a path',
      `# ${'0a1b2c3d'.repeat(8)}\n# /etc/Certificates/Production/Workloads/Leaf1/\n`,
    ],
    ['a line that begins with the digit 0', '0 s:CN = web\n'],
    ['a separator', `${'='.repeat(60)}\n${'/'.repeat(60)}\n`],
    ['a leaf that is commented out', stranger.certPem.replaceAll(/^(?=.)/gm, '# ')],
    ['a private key that is commented out', leaf.keyPem.replaceAll(/^(?=.)/gm, '# ')],
    ['a certificate request', leaf.keyPem.replaceAll('PRIVATE KEY', 'CERTIFICATE REQUEST')],
    ['parameters', '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'],
    ['an encrypted key', leaf.keyPem.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE')],
  ];
  for (const [what, text] of sound) {
    test(`leaf file: ${what} before the leaf → skipped`, async () => {
      await using dir = await files();
      await writeFile(dir.join('svid.pem'), text + leaf.certPem + middle.certPem);
      const { code, stderr } = await run(['verify', '--leaf', dir.join('svid.pem'), dir.join('a.yaml')]);
      assert.equal(code, 0, stderr);
    });
  }
});

/** Returns the base64 of a certificate in lines of the given width. */
function bodyOf(pem: string, columns: number): string {
  const flat = pem.split('\n').slice(1, -2).join('');
  return flat.replaceAll(new RegExp(`.{1,${columns}}`, 'g'), '$&\n');
}
