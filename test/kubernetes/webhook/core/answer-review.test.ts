import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { load } from 'js-yaml';

import { blockFinding } from '../../../../src/trust/model/read-blocks.ts';
import { answerReview } from '../../../../src/kubernetes/webhook/core/answer-review.ts';
import type { BundlePolicy } from '../../../../src/trust/bundle/trust-bundle.ts';
import type { CheckContext } from '../../../../src/kubernetes/webhook/core/check-change.ts';
import { longName, makeCa, makeIntermediate, makeSelfSignedLeaf } from '../../../kit/certificates.ts';
import { noPolicy } from '../../../kit/bundles.ts';
import { brokenDer } from '../../../kit/corpus/broken-der.ts';
import { brokenPem } from '../../../kit/corpus/broken-pem.ts';
import { parse, reader } from '../../../kit/resources.ts';
import { now, object, review, servingAll, starting } from '../reviews.ts';

const day = 86_400_000;
const years = { notBefore: new Date(now - day), notAfter: new Date(now + 3650 * day) };
const root = makeCa({ commonName: 'Root', ...years });
const other = makeCa({ commonName: 'Other', ...years });
const renewed = makeCa({ commonName: 'Root', key: root, ...years });
const intermediate = makeIntermediate(root, { commonName: 'Inter', ...years });
const expired = makeCa({
  commonName: 'Expired',
  notBefore: new Date(now - 9 * day),
  notAfter: new Date(now - day),
});
const soon = makeCa({ commonName: 'Soon', ...years, notAfter: new Date(now + 3 * day) });
const later = makeCa({ commonName: 'Later', ...years, notAfter: new Date(now + 60 * day) });
const leaf = makeSelfSignedLeaf(years);
const damaged = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

interface Response {
  readonly uid: string;
  readonly allowed: boolean;
  readonly warnings?: readonly string[];
  readonly status?: {
    readonly code: number;
    readonly message: string;
    readonly details: {
      readonly name: string;
      readonly causes: readonly { field?: string; message: string }[];
    };
  };
}

function ask(request: Parameters<typeof review>[0], context: CheckContext = servingAll([])): Response {
  const answer = answerReview(review(request), context);
  assert.equal(answer.kind, 'review');
  const { body, result } = answer;
  const { response } = body as { readonly response: Response };
  assert.equal(response.uid, 'asked');
  const expected = response.allowed ? (response.warnings === undefined ? 'allowed' : 'warned') : 'refused';
  assert.equal(result, expected);
  return response;
}

const create = (pems: readonly string[], context?: CheckContext, name = 'a.test'): Response =>
  ask({ operation: 'CREATE', object: object({ name, pems }), oldObject: null }, context);

/** Reviews an update of the object `a.test`, with other objects in force. */
function update(
  before: readonly string[],
  after: readonly string[],
  others: readonly object[] = [],
): Response {
  const [oldObject, next] = [
    object({ name: 'a.test', pems: before }),
    object({ name: 'a.test', pems: after }),
  ];
  return ask({ operation: 'UPDATE', oldObject, object: next }, servingAll([oldObject, ...others]));
}

const codesOf = ({ warnings = [] }: Response): readonly string[] =>
  warnings.map((text) => /MT\d{3}|loses CA|without any CA/.exec(text)?.[0] ?? text);

suite('review of a new object', () => {
  const refusals: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['damaged block beside a good one', [root.certPem + damaged], /block 2: MT014 /],
    ['private key', [root.certPem + root.keyPem], /block 2: MT011 /],
    [
      'certificate that is not a CA',
      [root.certPem, leaf.certPem],
      /caBundles\[1\]\.pem\.value block 1: MT015 /,
    ],
    ['no certificate', ['see the wiki'], /^spec\.caBundles: MT005 /],
  ];
  for (const [what, pems, sentence] of refusals) {
    test(`${what}: is refused, with the block and the reason`, () => {
      const { allowed, status } = create(pems);
      assert.equal(allowed, false);
      assert.match(status?.message ?? '', sentence);
      assert.equal(status?.code, 422);
      assert.equal(status.details.name, 'a.test');
      assert.ok(status.details.causes.every(({ field }) => field?.startsWith('spec.caBundles')));
    });
  }

  test('all blocks commented out: is allowed, with a warning of the withdrawn trust', () => {
    const commented = root.certPem.replaceAll(/^(?=.)/gm, '# ');
    const response = update([root.certPem], [commented]);
    assert.equal(response.allowed, true);
    assert.deepEqual(codesOf(response).toSorted(), ['MT052', 'without any CA']);
  });

  test('invalid trust domain name: is refused', () => {
    const { status } = ask({
      operation: 'CREATE',
      object: object({ name: 'a', trustDomain: 'A.test', pems: [root.certPem] }),
    });
    assert.match(status?.message ?? '', /^spec\.trustDomain: MT008 trustDomain must be in lower case/);
  });

  test('too long object: is refused before it is parsed', () => {
    const context = servingAll([]);
    const parse = { ...context.parse, limits: { documentLength: 1000, certificatesPerResource: 1 } };
    const { status } = create(['x'.repeat(2000)], { ...context, parse });
    assert.match(status?.message ?? '', /^MT007 the document has \d{4} characters, more than 1000$/);
  });

  test('private key: is not quoted', () => {
    const line = root.keyPem.split('\n')[1]!;
    assert.ok(!JSON.stringify(create([root.certPem + root.keyPem])).includes(line.slice(0, 20)));
  });

  test('many violations: those that do not fit are counted', () => {
    const { status } = create([root.certPem + damaged.repeat(400)]);
    assert.match(status?.message ?? '', /; and \d+ more$/);
    assert.ok(status!.message.length <= 4096);
    assert.equal(status!.details.causes.length, 50);
  });

  const warned: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['valid root', [root.certPem], []],
    ['intermediate without its issuer', [intermediate.certPem], ['MT020']],
    ['expired CA', [root.certPem, expired.certPem], ['MT022']],
    ['CA that expires within days', [root.certPem, soon.certPem], ['MT023']],
    ['CA that expires within months', [root.certPem, later.certPem], []],
    ['CA that is listed twice', [root.certPem, root.certPem], []],
  ];
  for (const [what, pems, codes] of warned) {
    test(`${what}: ${codes.length === 0 ? 'no warning' : codes.join()}`, () => {
      const response = create(pems);
      assert.equal(response.allowed, true);
      assert.deepEqual(codesOf(response), codes);
    });
  }

  test('intermediate whose issuer another object lists: no warning', () => {
    const context = servingAll([object({ name: 'b', trustDomain: 'a.test', pems: [root.certPem] })]);
    assert.deepEqual(codesOf(create([intermediate.certPem], context)), []);
  });

  test('CA of two trust domains, in both orders of names: MT026', () => {
    for (const name of ['a.test', 'c.test']) {
      const context = servingAll([object({ name: 'b.test', pems: [root.certPem] })]);
      assert.deepEqual(codesOf(create([root.certPem], context, name)), ['MT026'], name);
    }
  });

  test('intermediate with --refuse-intermediates: is refused unless its issuer is listed', () => {
    const policy = { ...noPolicy, refuseIntermediates: true };
    assert.match(create([intermediate.certPem], servingAll([], policy)).status?.message ?? '', /MT017/);
    const issuer = object({ name: 'b', trustDomain: 'a.test', pems: [root.certPem] });
    assert.equal(create([intermediate.certPem], servingAll([issuer], policy)).allowed, true);
  });

  test('distrusted CA: MT018', () => {
    const [block] = reader.read(root.certPem);
    assert.equal(block?.kind, 'anchor');
    const fingerprint = block.kind === 'anchor' ? block.certificate.fingerprint : '';
    const policy = { ...noPolicy, distrusted: new Set([fingerprint]) };
    assert.deepEqual(codesOf(create([root.certPem, other.certPem], servingAll([], policy))), ['MT018']);
  });

  suite('mesh whose CA names nearly reach the limit', () => {
    const long = (name: string): string => makeCa({ subject: longName(3900, name), ...years }).certPem;
    const full = object({ name: 'full.test', pems: Array.from({ length: 15 }, (_, i) => long(`full ${i}`)) });

    test('change that exceeds the limit: is refused with MT031', () => {
      const { allowed, status } = create([long('one more')], servingAll([full]));
      assert.equal(allowed, false);
      assert.match(
        status?.message ?? '',
        /^MT031 the subjects of the CAs of mesh default take \d{5} bytes, more than/,
      );
    });

    test('a peer has taken the room: the change is allowed, with a warning', () => {
      const context = servingAll([], noPolicy, [full]);
      const { allowed, warnings = [] } = create([long('one more')], context);
      assert.deepEqual([allowed, warnings.length], [true, 2]);
      assert.match(
        warnings.join('\n'),
        /MT032 trust domain full\.test does not fit .*\nMT031 .*of federated trust domains/,
      );
    });

    test('a peer has taken too much already, and the change exceeds the limit alone: is refused', () => {
      const peer = object({
        name: 'peer.test',
        pems: Array.from({ length: 15 }, (_, i) => long(`peer ${i}`)),
      });
      const context = servingAll([full], noPolicy, [peer]);
      assert.equal(create([long('one more')], context).allowed, false);
    });

    test('limit already exceeded: the change is allowed', () => {
      const over = object({ name: 'over.test', pems: [long('over')] });
      assert.equal(create([long('one more')], servingAll([full, over])).allowed, true);
    });
  });

  test('server that has not read everything: the object is checked without the others', () => {
    assert.deepEqual(codesOf(create([intermediate.certPem, soon.certPem], starting)), ['MT023']);
    assert.equal(create([damaged], starting).allowed, false);
    const policy = { ...noPolicy, refuseIntermediates: true };
    assert.equal(create([intermediate.certPem], { ...starting, policy }).allowed, true);
  });

  test('server that serves without a source that it cannot read: nothing is said about CAs that it may list', () => {
    const policy = { ...noPolicy, refuseIntermediates: true };
    const partly = (one: BundlePolicy): CheckContext => {
      const context = servingAll([], one);
      assert.ok(context.inForce);
      return { ...context, inForce: { ...context.inForce, isPartial: true } };
    };
    assert.equal(create([intermediate.certPem], servingAll([], policy)).allowed, false);
    assert.deepEqual(create([intermediate.certPem], partly(policy)).allowed, true);
    assert.deepEqual(codesOf(create([intermediate.certPem, soon.certPem], partly(noPolicy))), ['MT023']);
    assert.equal(create([damaged], partly(policy)).allowed, false);
  });
});

suite('review of an update', () => {
  const beside = [object({ name: 'b', trustDomain: 'a.test', pems: [root.certPem] })];
  test('removed CA: warning', () =>
    assert.deepEqual(codesOf(update([root.certPem, other.certPem], [other.certPem])), ['loses CA']));
  test('removed CA: the warning contains the CA and the trust domain', () => {
    const { warnings } = update([root.certPem, other.certPem], [other.certPem]);
    assert.match(
      warnings?.[0] ?? '',
      /^trust domain a\.test of mesh default loses CA [0-9a-f]{16} \(CN=Root\): proxies/,
    );
  });
  test('removed CA that another object lists: no warning', () =>
    assert.deepEqual(codesOf(update([root.certPem, other.certPem], [other.certPem], beside)), []));
  test('renewed CA: no warning', () =>
    assert.deepEqual(codesOf(update([root.certPem], [renewed.certPem])), []));
  test('CA with the same key and another name: warning', () => {
    const renamed = makeCa({ commonName: 'Renamed', key: root, ...years });
    assert.deepEqual(codesOf(update([root.certPem], [renamed.certPem])), ['loses CA']);
  });
  test('finding that existed before: warning', () =>
    assert.deepEqual(codesOf(update([intermediate.certPem], [intermediate.certPem, other.certPem])), [
      'MT020',
    ]));
  test('removed CA that was distrusted: no warning', () => {
    const [block] = reader.read(root.certPem);
    const keyHash = block?.kind === 'anchor' ? block.certificate.keyHash : '';
    const [oldObject, next] = [[root.certPem, other.certPem], [other.certPem]].map((pems) =>
      object({ name: 'a.test', pems }),
    );
    const policy = { ...noPolicy, distrusted: new Set([keyHash]) };
    const request = { operation: 'UPDATE', oldObject: oldObject!, object: next! };
    assert.deepEqual(codesOf(ask(request, servingAll([oldObject!], policy))), []);
    assert.deepEqual(codesOf(ask(request, servingAll([oldObject!]))), ['loses CA']);
  });
  test('intermediate of another object that is promoted: warning', () => {
    const inter = object({ name: 'b', trustDomain: 'a.test', pems: [intermediate.certPem] });
    const { warnings, allowed } = update([root.certPem, other.certPem], [other.certPem], [inter]);
    assert.equal(allowed, true);
    assert.match(warnings?.[0] ?? '', /loses CA/);
    assert.match(
      warnings?.[1] ?? '',
      /^trust domain a\.test: default\/ns\/b .* block 1: MT021 CA CN=Inter is an intermediate whose issuer \(CN=Root\) was removed/,
    );
  });
  test('CA of another object with a known finding: only the new finding is a warning', () => {
    const inter = object({ name: 'b', trustDomain: 'a.test', pems: [intermediate.certPem, soon.certPem] });
    const { warnings } = update([root.certPem, other.certPem], [other.certPem], [inter]);
    const codes = (warnings ?? []).flatMap((text) => /MT\d{3}/.exec(text)?.[0] ?? []);
    assert.deepEqual(codes, ['MT021']);
  });
  test('object that moves to another mesh: warning', () => {
    const [oldObject, next] = ['default', 'blue'].map((mesh) =>
      object({ name: 'a.test', mesh, pems: [root.certPem] }),
    );
    const response = ask(
      { operation: 'UPDATE', oldObject: oldObject!, object: next! },
      servingAll([oldObject!]),
    );
    assert.deepEqual(codesOf(response), ['without any CA']);
  });
  test('old object is damaged: the retained CAs of an earlier version count', () => {
    const good = object({ name: 'a.test', pems: [root.certPem] });
    const oldObject = object({ name: 'a.test', pems: [damaged] });
    const next = object({ name: 'a.test', pems: [other.certPem] });
    const response = ask({ operation: 'UPDATE', oldObject, object: next }, servingAll([good, oldObject]));
    assert.deepEqual(codesOf(response), ['loses CA']);
  });
  test('old object is whole: CAs that only an earlier version has in force do not count', () => {
    const earlier = object({ name: 'a.test', pems: [root.certPem, other.certPem] });
    const oldObject = object({ name: 'a.test', pems: [other.certPem] });
    const next = object({ name: 'a.test', pems: [other.certPem, later.certPem] });
    const response = ask({ operation: 'UPDATE', oldObject, object: next }, servingAll([earlier]));
    assert.deepEqual(codesOf(response), []);
  });
  test('damaged object whose trust does not change: is allowed', () => {
    const pems = [root.certPem, damaged];
    const oldObject = object({ name: 'a.test', pems });
    const next = object({ name: 'a.test', pems, labels: { team: 'blue' } });
    assert.deepEqual(ask({ operation: 'UPDATE', oldObject, object: next }), { uid: 'asked', allowed: true });
  });
});

suite('review of a deletion', () => {
  const gone = object({ name: 'a.test', pems: [root.certPem] });
  test('last CA of a trust domain: is allowed, with a warning', () => {
    const response = ask({ operation: 'DELETE', object: null, oldObject: gone }, servingAll([gone]));
    assert.equal(response.allowed, true);
    assert.deepEqual(codesOf(response), ['without any CA']);
  });
  test('object whose CAs another object lists: is allowed without a warning', () => {
    const beside = object({ name: 'b', trustDomain: 'a.test', pems: [root.certPem] });
    const response = ask({ operation: 'DELETE', oldObject: gone }, servingAll([gone, beside]));
    assert.deepEqual(response, { uid: 'asked', allowed: true });
  });
  test('invalid or unknown object: is allowed', () => {
    const bad = object({ name: 'a.test', pems: [damaged] });
    for (const oldObject of [bad, null]) assert.equal(ask({ operation: 'DELETE', oldObject }).allowed, true);
  });
});

suite('other reviews', () => {
  const bad = object({ name: 'a.test', pems: [damaged] });
  const others = {
    'the status subresource': { operation: 'UPDATE', subResource: 'status', object: bad, oldObject: bad },
    'another resource': {
      operation: 'CREATE',
      object: bad,
      resource: { group: 'kuma.io', resource: 'meshes' },
    },
    'another operation': { operation: 'CONNECT', object: bad },
  };
  for (const [what, request] of Object.entries(others))
    test(`${what}: is allowed`, () => assert.deepEqual(ask(request), { uid: 'asked', allowed: true }));

  const malformed: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['a list', []],
    ['another version', { ...review({ operation: 'DELETE' }), apiVersion: 'admission.k8s.io/v1beta1' }],
    ['no request', { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }],
    ['no uid', review({ operation: 'DELETE', uid: '' })],
    ['a CREATE without an object', review({ operation: 'CREATE' })],
    ['an UPDATE without the old object', review({ operation: 'UPDATE', object: bad })],
  ];
  for (const [what, value] of malformed)
    test(`${what}: is malformed`, () => assert.equal(answerReview(value, servingAll([])).kind, 'malformed'));
});

suite('all kinds of broken certificates', () => {
  const healthy = { name: 'a.test', trustDomain: 'a.test', pem: root.certPem };
  const inputs = [...brokenPem, ...brokenDer].flatMap(({ name, file }) => {
    const text = file(healthy);
    return typeof text === 'string' ? [{ name, text }] : [];
  });
  test('all inputs: at least 40', () => assert.ok(inputs.length >= 40));
  for (const { name, text } of inputs) {
    test(`${name}: is refused like in a file`, () => {
      const sentences = sentencesOf(text);
      const value = {
        ...object({ name: 'a.test', pems: [] }),
        spec: (load(text) as { readonly spec: unknown }).spec,
      };
      const { allowed, status } = ask({ operation: 'CREATE', object: value });
      assert.equal(allowed, sentences.length === 0);
      for (const sentence of sentences) assert.ok(status?.message.includes(sentence), sentence);
    });
  }
});

/** Returns the violations of the only document of a file: code and reason. */
function sentencesOf(text: string): readonly string[] {
  const parsed = parse(text);
  assert.equal(parsed.kind, 'documents');
  const [document] = parsed.kind === 'documents' ? parsed.documents : [];
  assert.ok(document);
  const findings =
    document.kind === 'mesh-trust' ? document.resource.blocks.flatMap(blockFinding) : document.findings;
  return findings.map(({ code, message }) => `${code} ${message}`);
}
