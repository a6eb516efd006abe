import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { expiryFindings, nextExpiryChange } from '../../../src/trust/snapshot/expiry.ts';
import { bundleOf, shareOf } from '../../kit/bundles.ts';
import { makeCa } from '../../kit/certificates.ts';

const day = 86_400_000;
const notBefore = Date.UTC(2026, 0, 1);
const notAfter = Date.UTC(2027, 0, 1);
const ca = makeCa({
  commonName: 'Old',
  notBefore: new Date(notBefore),
  notAfter: new Date(notAfter),
});
const bundle = bundleOf([shareOf('a.test', [ca])]);
const lasting = makeCa({
  commonName: 'New',
  notBefore: new Date(notBefore - 900 * day),
  notAfter: new Date(notAfter + 900 * day),
});
const beside = bundleOf([shareOf('a.test', [ca, lasting])]);

const table: Readonly<Record<string, readonly [at: number, found: readonly string[]]>> = {
  'nothing in the middle of its life': [notAfter - 200 * day, []],
  'not yet valid before its first second': [notBefore - 1, ['MT024 error']],
  'nothing at its first second': [notBefore, []],
  'a note 90 days before the end': [notAfter - 90 * day + 2000, ['MT023 info']],
  'a warning 30 days before the end': [notAfter - 30 * day + 2000, ['MT023 warning']],
  'a warning 7 days before the end': [notAfter - 7 * day + 2000, ['MT023 warning']],
  'still valid in the second before its notAfter': [notAfter - 1, ['MT023 warning']],
  'expired at its notAfter, as in Envoy': [notAfter, ['MT022 error']],
};

/** The expected findings about the older of two CAs, while the newer one is valid. */
const besideAValidOne: Readonly<Record<string, readonly [at: number, found: readonly string[]]>> = {
  'not yet valid': [notBefore - 1, ['MT024 warning']],
  'about to expire': [notAfter - 1, ['MT023 warning']],
  expired: [notAfter, ['MT022 warning']],
};

suite('expiryFindings', () => {
  for (const [sentence, [at, expected]] of Object.entries(table)) {
    test(`only CA of its trust domain → ${sentence}`, () => {
      assert.deepEqual(
        expiryFindings(bundle, at).map(({ code, severity }) => `${code} ${severity}`),
        expected,
      );
    });
  }

  for (const [sentence, [at, expected]] of Object.entries(besideAValidOne)) {
    test(`${sentence}, beside a valid CA of the same trust domain → ${expected.join()}`, () => {
      assert.deepEqual(
        expiryFindings(beside, at).map(({ code, severity }) => `${code} ${severity}`),
        expected,
      );
    });
  }

  test('one CA is not valid yet and the other has expired → both are errors', () => {
    const early = makeCa({ notBefore: new Date(notAfter + day), notAfter: new Date(notAfter + 9 * day) });
    assert.deepEqual(
      expiryFindings(bundleOf([shareOf('a.test', [ca, early])]), notAfter)
        .map(({ code, severity }) => `${code} ${severity}`)
        .sort(),
      ['MT022 error', 'MT024 error'],
    );
  });

  test('sentences: the CA first, then the cause and its effect; with the place that lists the CA', () => {
    const place = {
      file: 'a.yaml',
      line: 7,
      resource: 'default//a',
      path: 'spec.caBundles[0].pem.value',
      block: 1,
    };
    const share = shareOf('a.test', [ca]);
    const placed = bundleOf([{ ...share, anchors: share.anchors.map((anchor) => ({ ...anchor, place })) }]);
    const [expired] = expiryFindings(placed, notAfter);
    assert.equal(
      expired?.message,
      'CA CN=Old expired on 2027-01-01; a.test has no valid CA, and its clients are refused',
    );
    const { file, line, resource, path, block } = expired;
    assert.deepEqual({ file, line, resource, path, block }, place);
    assert.equal(
      expiryFindings(placed, notAfter - 1)[0]?.message,
      'CA CN=Old expires on 2027-01-01, within 7 days; list its successor beside it',
    );
    assert.equal(
      expiryFindings(placed, notBefore - 1)[0]?.message,
      'CA CN=Old is not valid before 2026-01-01; a.test has no valid CA, and its clients are refused',
    );
    assert.equal(
      expiryFindings(beside, notAfter)[0]?.message,
      'CA CN=Old expired on 2027-01-01; Envoy refuses its clients',
    );
  });

  test('nextExpiryChange: the findings change at each of these times', () => {
    const seen: string[] = [];
    let at: number | undefined = notBefore - day;
    while (at !== undefined) {
      seen.push(
        expiryFindings(bundle, at)
          .map(({ code, severity }) => `${code} ${severity}`)
          .join(),
      );
      at = nextExpiryChange(bundle, at);
    }
    assert.deepEqual(seen, [
      'MT024 error',
      '',
      'MT023 info',
      'MT023 warning',
      'MT023 warning',
      'MT022 error',
    ]);
  });
});
