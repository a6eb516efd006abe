import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { readSubjectNames } from '../../../src/trust/x509/subject-names.ts';
import { bundleOf, noPolicy, served, shareOf } from '../../kit/bundles.ts';
import { makeCa, makeIntermediate, makeKey } from '../../kit/certificates.ts';
import {
  contextConstructed,
  contextPrimitive,
  oid,
  printableString,
  sequence,
  utf8String,
} from '../../kit/der.ts';
import {
  caConstraints,
  caUsage,
  extension,
  isCritical,
  keys,
  makeOdd,
  nameOf,
  rsaPkcs1,
  rsaPss,
} from '../verify/odd-certificate.ts';
import type { OddSigning } from '../verify/odd-certificate.ts';

const hour = 3_600_000;
const start = Date.now();
const at = (hours: number): Date => new Date(start + hours * hour);

/** The codes and severities of the findings of a bundle. */
function codes({ findings }: ReturnType<typeof bundleOf>): readonly string[] {
  return findings.map(({ code, severity }) => `${code} ${severity}`);
}

suite('findUngrounded › issuer that Envoy cannot use', () => {
  const root = makeCa({ commonName: 'Root', notBefore: at(10), notAfter: at(20) });
  const middle = makeIntermediate(root, { commonName: 'Middle', notBefore: at(-10), notAfter: at(40) });
  const shares = [shareOf('a.test', [root, middle])];
  const bundleAt = (hours: number, policy = noPolicy) =>
    bundleOf(shares, { now: at(hours).getTime(), policy });

  test('issuer: not valid yet → the intermediate is re-rooted, and a finding says why', () => {
    const bundle = bundleAt(0);
    assert.deepEqual(served(bundle), ['Middle re-rooted', 'Root']);
    assert.deepEqual(codes(bundle), ['MT028 warning']);
    assert.match(
      bundle.findings[0]?.message ?? '',
      /issuer \(CN=Root\) is listed, but .* CN=Root is not valid before \d{4}-/,
    );
  });

  test('issuer: valid → served as listed, until it expires', () => {
    const bundle = bundleAt(15);
    assert.deepEqual(served(bundle), ['Middle', 'Root']);
    assert.deepEqual(codes(bundle), []);
  });

  test('issuer: expired → re-rooted, and a finding says why', () => {
    const bundle = bundleAt(20);
    assert.deepEqual(served(bundle), ['Middle re-rooted', 'Root']);
    assert.match(bundle.findings[0]?.message ?? '', /CN=Root expired on \d{4}-/);
  });

  test('dates of the issuer: each is the next change of the bundle', () => {
    const second = (time: number): number => Math.floor(time / 1000) * 1000;
    assert.equal(bundleAt(0).nextChange, second(at(10).getTime()));
    assert.equal(bundleAt(15).nextChange, second(at(20).getTime()));
    assert.equal(bundleAt(20).nextChange, undefined);
  });

  test('issuer expired, with --refuse-intermediates → served as listed, and an error says that clients are refused', () => {
    const bundle = bundleAt(20, { ...noPolicy, refuseIntermediates: true });
    assert.deepEqual(served(bundle), ['Middle', 'Root']);
    assert.deepEqual(codes(bundle), ['MT028 error']);
  });

  test('issuer: a re-rooted intermediate → served as listed', () => {
    const low = makeIntermediate(middle, { commonName: 'Low', notBefore: at(-10), notAfter: at(40) });
    const bundle = bundleOf([shareOf('a.test', [root, middle, low])], { now: at(20).getTime() });
    assert.deepEqual(served(bundle), ['Low', 'Middle re-rooted', 'Root']);
  });

  const signings: readonly (readonly [string, OddSigning, string])[] = [
    ['SHA-256', rsaPkcs1('sha256'), 'Middle'],
    ['RSASSA-PSS with SHA-256', rsaPss({ digest: 'sha256', salt: 32 }), 'Middle'],
    ['MD5', rsaPkcs1('md5'), 'Middle re-rooted'],
    ['RSASSA-PSS with SHA-1', rsaPss({ digest: 'sha1', salt: 20 }), 'Middle re-rooted'],
    ['RSASSA-PSS with another salt', rsaPss({ digest: 'sha256', salt: 20 }), 'Middle re-rooted'],
  ];
  for (const [what, signing, expected] of signings) {
    test(`signature: ${what} → ${expected}`, () => {
      const subject = nameOf('Root');
      const top = makeOdd({ key: keys.rsa, signing: rsaPkcs1('sha256'), subject });
      const below = makeOdd({
        key: keys.other,
        issuerKey: keys.rsa,
        signing,
        issuer: subject,
        subject: nameOf('Middle'),
      });
      const bundle = bundleOf([shareOf('a.test', [top, below])]);
      assert.deepEqual(served(bundle), [expected, 'Root']);
      assert.deepEqual(codes(bundle), expected === 'Middle' ? [] : ['MT028 warning']);
    });
  }

  test('intermediate: demands a policy → re-rooted, and a finding says why', () => {
    const demand = sequence(contextPrimitive(0, Buffer.from([0])));
    const policies = sequence(sequence(oid('1.2.3.1')));
    const top = makeCa({ commonName: 'Root' });
    const below = makeIntermediate(top, {
      commonName: 'Middle',
      otherExtensions: [
        { id: '2.5.29.36', value: demand, critical: true },
        { id: '2.5.29.32', value: policies },
      ],
    });
    const bundle = bundleOf([shareOf('a.test', [top, below])]);
    assert.deepEqual(served(bundle), ['Middle re-rooted', 'Root']);
    assert.match(
      bundle.findings[0]?.message ?? '',
      /the intermediate demands a certificate policy of its clients/,
    );
  });
});

suite('another root with the name of the issuer and another key', () => {
  const subject = nameOf('Root');
  const listed = makeOdd({ subject });
  const below = { key: keys.other, issuerKey: keys.p256, issuer: subject, subject: nameOf('Middle') };

  for (const [what, dates] of [
    ['valid', {}],
    ['expired', { notBefore: at(-48), notAfter: at(-1) }],
  ] as const) {
    test(`${what}, no key identifiers → the intermediate is re-rooted, because Envoy may pick the wrong root`, () => {
      const namesake = makeOdd({ subject, key: keys.p384, ...dates });
      const bundle = bundleOf([shareOf('a.test', [listed, makeOdd(below), namesake])]);
      assert.deepEqual(served(bundle), ['Middle re-rooted', 'Root', 'Root']);
      assert.deepEqual(codes(bundle), ['MT028 warning']);
      assert.match(bundle.findings[0]?.message ?? '', /no key identifier tells the two apart/);
    });
  }

  test('key identifiers that tell the roots apart → served as listed', () => {
    const [one, two] = [makeCa({ commonName: 'Root' }), makeCa({ commonName: 'Root' })];
    const middle = makeIntermediate(one, { commonName: 'Middle' });
    const bundle = bundleOf([shareOf('a.test', [one, two, middle])]);
    assert.deepEqual(served(bundle), ['Middle', 'Root', 'Root']);
    assert.deepEqual(codes(bundle), []);
  });
});

suite('more CAs of one name without key identifiers than signatures are verified for', () => {
  const plain = { subjectKeyId: false, authorityKeyId: undefined, key: makeKey() } as const;
  const stranger = makeCa({ commonName: 'Root', subjectKeyId: false });
  /** As many roots of one name as intermediates below an unlisted root of that name. */
  const square = (side: number) => [
    ...Array.from({ length: side }, () => makeCa({ commonName: 'Root', subjectKeyId: false })),
    ...Array.from({ length: side }, (_, index) =>
      makeIntermediate(stranger, { ...plain, commonName: `Below ${index}` }),
    ),
  ];
  const count = (bundle: ReturnType<typeof bundleOf>) =>
    Object.fromEntries(
      [...Map.groupBy(codes(bundle), (code) => code)].map(([code, { length }]) => [code, length]),
    );
  const within = square(16);
  const beyond = square(17);

  test('as many signatures as are verified → all intermediates are decided', () => {
    assert.deepEqual(count(bundleOf([shareOf('a.test', within)])), { 'MT020 warning': 16 });
  });

  test('more → the rest is re-rooted like an intermediate with an unusable issuer, and the finding says why', () => {
    const bundle = bundleOf([shareOf('a.test', beyond)]);
    // 15 intermediates with 17 candidates each are decided.
    assert.deepEqual(count(bundle), { 'MT020 warning': 15, 'MT028 warning': 2 });
    assert.equal(bundle.anchors.filter(({ rooting }) => rooting === 're-rooted').length, 17);
    const { message = '' } = bundle.findings.find(({ code }) => code === 'MT028') ?? {};
    assert.match(message, /too many CAs .* which of them signed the intermediate is not verified/);
    assert.deepEqual(bundleOf([shareOf('a.test', beyond)], { previous: bundle }).findings, bundle.findings);
  });

  test('more, with --refuse-intermediates → no CA is withdrawn because of the bound', () => {
    const policy = { ...noPolicy, refuseIntermediates: true };
    const bundle = bundleOf([shareOf('a.test', beyond)], { policy });
    assert.deepEqual(count(bundle), { 'MT017 error': 15, 'MT028 error': 2 });
    assert.equal(bundle.anchors.length, 17 + 2);
  });

  test('more → intermediates with fewer candidates are decided as without them', () => {
    const clear = makeCa({ commonName: 'Clear' });
    const pair = [1, 2].map(() => makeCa({ commonName: 'Pair', subjectKeyId: false }));
    const others = [clear, makeIntermediate(clear, { commonName: 'Below clear' }), ...pair];
    const contested = makeIntermediate(pair[1] ?? assert.fail(), {
      ...plain,
      commonName: 'Contested',
      key: makeKey(),
    });
    const bundle = bundleOf([shareOf('a.test', [...beyond, ...others, contested])]);
    assert.ok(served(bundle).includes('Below clear'));
    const messages = bundle.findings.map(({ message }) => message);
    assert.equal(
      messages.filter((message) => /CN=Contested .* no key identifier tells the two apart/.test(message))
        .length,
      1,
    );
  });
});

suite('intermediate with a name that its listed issuer refuses', () => {
  const below = (subject: string, permitted: string) => {
    const directory = contextConstructed(4, nameOf(permitted));
    const constraints = sequence(contextConstructed(0, sequence(directory)));
    const top = makeOdd({
      subject: nameOf('Root'),
      extensions: [caConstraints, caUsage, extension('2.5.29.30', constraints, isCritical)],
    });
    const signer = { issuerKey: keys.p256, issuer: nameOf('Root') };
    const middle = makeOdd({ ...signer, key: keys.other, subject: nameOf(subject) });
    return bundleOf([shareOf('a.test', [top, middle])]);
  };

  test('subject not permitted → served as listed, and a finding about the intermediate', () => {
    const bundle = below('Middle', 'Elsewhere');
    assert.deepEqual(served(bundle), ['Middle', 'Root']);
    assert.deepEqual(codes(bundle), ['MT029 warning']);
    assert.match(
      bundle.findings[0]?.message ?? '',
      /^CA CN=Middle has a name of its own .* CA CN=Root, refuse/,
    );
  });

  test('subject permitted → no finding', () => {
    assert.deepEqual(codes(below('Middle', 'Middle')), []);
  });
});

suite('one name in two encodings: Envoy compares the canonical form', () => {
  const encodings = [
    ['another string type', printableString('The Root')],
    ['another case', utf8String('THE root')],
    ['other blanks', utf8String(' The  Root ')],
  ] as const;
  for (const [what, value] of encodings) {
    const listed = makeOdd({ subject: nameOf(utf8String('The Root')) });
    const middle = makeOdd({
      key: keys.other,
      issuerKey: keys.p256,
      issuer: nameOf(value),
      subject: nameOf('Middle'),
    });

    test(`intermediate that names its listed issuer in ${what} → served as listed, without a finding`, () => {
      for (const policy of [noPolicy, { ...noPolicy, refuseIntermediates: true }]) {
        const bundle = bundleOf([shareOf('a.test', [listed, middle])], { policy });
        assert.deepEqual(served(bundle), ['Middle', 'The Root']);
        assert.deepEqual(codes(bundle), []);
      }
    });

    test(`expired root and its renewal with the same key and name in ${what} → only the valid one is served`, () => {
      const old = makeOdd({ subject: nameOf(value), notBefore: at(-48), notAfter: at(-1) });
      const bundle = bundleOf([shareOf('a.test', [old, listed])]);
      assert.deepEqual(
        bundle.anchors.map(({ der }) => Buffer.from(der).equals(listed.der)),
        [true],
      );
      assert.deepEqual(codes(bundle), ['MT027 info']);
    });

    test(`root that names itself as its issuer in ${what} → self-signed`, () => {
      const root = makeOdd({ issuer: nameOf(value), subject: nameOf('The Root') });
      const bundle = bundleOf([shareOf('a.test', [root])]);
      assert.deepEqual(served(bundle), ['The Root']);
      assert.deepEqual(codes(bundle), []);
    });
  }
});

suite('name constraints that admit no client', () => {
  const of = (trustDomain: string, host: string) =>
    bundleOf([shareOf(trustDomain, [makeCa({ commonName: 'Root', permittedUriHosts: [host] })])]);

  test('constraint for the trust domain → no finding', () => {
    assert.deepEqual(codes(of('a.test', 'a.test')), []);
    assert.deepEqual(codes(of('a.test', '.test')), []);
  });

  test('constraint for another trust domain → a finding about both versions', () => {
    const bundle = of('a.test', 'b.test');
    assert.deepEqual(codes(bundle), ['MT029 warning']);
    assert.match(
      bundle.findings[0]?.message ?? '',
      /no URI of trust domain a\.test; Envoy refuses all of its clients$/,
    );
  });

  for (const [what, trustDomain, host] of [
    ['an underscore', 'a_b.test', 'a_b.test'],
    ['a last label that is a number', 'a.1', 'a.1'],
  ] as const) {
    test(`trust domain with ${what} → a finding about the upgrade`, () => {
      const bundle = of(trustDomain, host);
      assert.deepEqual(codes(bundle), ['MT029 warning']);
      assert.match(bundle.findings[0]?.message ?? '', /an upgrade cuts them off$/);
    });
  }

  test('constraint that ends with a dot → a finding about the older version', () => {
    const bundle = of('dot.test.', 'dot.test.');
    const other = of('dot.test', 'dot.test.');
    assert.deepEqual([codes(bundle), codes(other)], [[], ['MT029 warning']]);
    assert.match(other.findings[0]?.message ?? '', /Envoy 1\.36 refuses all of its clients/);
  });

  test('listed intermediate with as many names as Envoy compares → no finding; with one more → a finding', () => {
    const hosts = Array.from({ length: 1024 }, (_, index) => `h${index}.test`);
    const root = makeCa({ commonName: 'Root', permittedUriHosts: ['a.test', ...hosts.slice(1)] });
    const bundle = (count: number) => {
      const uris = Array.from({ length: count }, () => 'spiffe://a.test');
      const child = makeIntermediate(root, { commonName: 'Child', uris });
      return {
        names: readSubjectNames(child.der).length,
        bundle: bundleOf([shareOf('a.test', [root, child])]),
      };
    };
    const others = bundle(1).names - 1;
    const [most, above] = [bundle(1024 - others), bundle(1025 - others)];
    assert.deepEqual([most.names, above.names], [1024, 1025]);
    assert.deepEqual([codes(most.bundle), codes(above.bundle)], [[], ['MT029 warning']]);
  });

  test('intermediates with more names together than are compared → a finding about the largest, decided for the others', () => {
    const hosts = Array.from({ length: 1024 }, (_, index) => `h${index}.test`);
    const root = makeCa({ commonName: 'Root', permittedUriHosts: ['a.test', ...hosts.slice(1)] });
    const child = (commonName: string, uris: number, host = 'a.test') =>
      makeIntermediate(root, { commonName, uris: Array.from({ length: uris }, () => `spiffe://${host}`) });
    const children = [child('Large', 700), child('Small', 400), child('Refused', 1, 'b.test')];
    const bundle = bundleOf([shareOf('a.test', [root, ...children])]);
    const messages = bundle.findings.map(({ message }) => message).sort();
    assert.deepEqual(codes(bundle), ['MT029 warning', 'MT029 warning']);
    assert.match(
      messages[0] ?? '',
      /^CA CN=Large was not compared .* CA CN=Root: .* Envoy may refuse its clients$/,
    );
    assert.match(messages[1] ?? '', /^CA CN=Refused has a name of its own .* CA CN=Root, refuse/);
    assert.deepEqual(served(bundle), ['Large', 'Refused', 'Root', 'Small']);
    assert.deepEqual(bundleOf([shareOf('a.test', [root, ...children])]).findings, bundle.findings);
  });

  test('constraint that is a URI instead of a host → a finding', () => {
    assert.deepEqual(codes(of('a.test', 'spiffe://a.test')), ['MT029 warning']);
  });
});
