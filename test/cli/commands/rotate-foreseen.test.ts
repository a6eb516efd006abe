import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { expectCode, makeOldCa, rotateWith } from '../../kit/rotate-commands.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const old = makeOldCa();
const [next, other] = [makeCa({ commonName: 'New' }), makeCa({ commonName: 'Other' })];
const inUse = makeIntermediate(old, { commonName: 'In use' });

/** A server of these files, and a new CA beside them. */
async function scene(texts: Readonly<Record<string, string>>, newPem = next.certPem) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const trust = stack.use(await makeTempDir());
  await writeFile(dir.join('old.pem'), old.certPem);
  await writeFile(dir.join('new.pem'), newPem);
  for (const [name, text] of Object.entries(texts)) await writeFile(trust.join(name), text);
  const server = stack.use(await startMeshtrust({ dirs: [trust.path] }));
  const owned = stack.move();
  return {
    file: trust.join('trust.yaml'),
    rotate: rotateWith([server]),
    certificates: ['--old', dir.join('old.pem'), '--new', dir.join('new.pem')],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const trustOf = (name: string, ...pems: readonly string[]): string =>
  meshTrustYaml({ name, trustDomain: 'a.test', pems });

suite('meshtrust rotate start, with an end that can be foreseen', () => {
  test('the old CA cannot be removed from the file → plan and start are refused, and nothing is written', async () => {
    // A folded block with empty lines has the line breaks of PEM, and cannot be edited in place.
    const folded = `${old.certPem}${other.certPem}`.trim().replaceAll('\n', '\n\n          ');
    const text = trustOf('zone', other.certPem).replace(/value: ".*"/, `value: >\n          ${folded}`);
    await using it = await scene({ 'trust.yaml': text });
    const sentence =
      /error: \S+trust\.yaml cannot be changed: rotate finish could not remove the old CA from it: the PEM text is neither/;
    const plan = await expectCode(1, it.rotate('plan', ...it.certificates, it.file, '-o', 'json'));
    assert.match(plan.stderr, sentence);
    assert.equal((JSON.parse(plan.stdout) as { next: { allowed: boolean } }).next.allowed, false);
    const start = await expectCode(1, it.rotate('start', ...it.certificates, '--write', it.file));
    assert.match(start.stderr, sentence);
    assert.equal(await readFile(it.file, 'utf8'), text);
  });

  test('another MeshTrust lists the old CA, and an intermediate needs it → notes, and the start is allowed', async () => {
    await using it = await scene({
      'trust.yaml': trustOf('zone', old.certPem, inUse.certPem),
      'other.yaml': trustOf('copy', old.certPem),
    });
    for (const [command, ...more] of [['plan'], ['start', '--write']] as const) {
      const { stderr } = await expectCode(0, it.rotate(command, ...it.certificates, ...more, it.file));
      assert.match(
        stderr,
        /^note: rotate finish would be refused as things are: R52 promotes-intermediate: the intermediate CN=In use would become a trust anchor/m,
      );
      assert.match(
        stderr,
        /^note: rotate finish would be refused as things are: R53 listed-elsewhere: default\/\/copy lists the CA as well/m,
      );
    }
  });

  test('the new CA is an intermediate of the old one → R16 is shut, since finish would remove its issuer', async () => {
    const below = makeIntermediate(old, { commonName: 'Below' });
    await using it = await scene({ 'trust.yaml': trustOf('zone', old.certPem) }, below.certPem);
    const { stderr } = await expectCode(
      1,
      it.rotate('start', ...it.certificates, '--force=R15', '--write', it.file),
    );
    assert.match(stderr, /^refused: R16 needs-issuer: .* finish would remove its issuer$/m);
  });
});
