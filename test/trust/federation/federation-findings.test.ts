import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alsoListedFindings, federationFindings } from '../../../src/trust/federation/federation-findings.ts';
import { bundleDates } from '../../../src/trust/federation/relationship-status.ts';
import type { RelationshipStatus } from '../../../src/trust/federation/relationship-status.ts';
import type { Share } from '../../../src/trust/ledger/share.ts';
import { parseFile } from '../../../src/trust/model/parse-file.ts';
import { currentShare } from '../../../src/trust/ledger/share.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeRelationship, peerDomain, readDocument } from '../../kit/federation.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const now = Date.now();
const maxIntervalMs = 15 * minute;

function statusOf(more: Partial<RelationshipStatus> = {}, document: unknown = bundleDocument([makeCa()])) {
  const read = readDocument(document);
  return {
    relationship: makeRelationship(),
    origin: 'fetched',
    document: read,
    dates: bundleDates(read),
    held: undefined,
    withdrawn: undefined,
    etag: undefined,
    intervalMs: 5 * minute,
    lastSuccessAt: now - minute,
    lastAttemptAt: now,
    nextAttemptAt: now + minute,
    error: undefined,
    ...more,
  } satisfies RelationshipStatus;
}

const error = { reason: 'connect', message: 'connection refused' } as const;
const soon = bundleDocument([makeCa({ notAfter: new Date(now + 6 * day) })]);
const nothing = { document: undefined, dates: undefined, origin: 'none' } as const;
const held = { digest: 'x', sequence: 1, since: now, count: 1 };

const cases: Readonly<Record<string, readonly [status: RelationshipStatus, found: readonly string[]]>> = {
  'a success': [statusOf(), []],
  'a failure at once': [statusOf({ error }), ['MT083 info']],
  'a failure for three intervals': [statusOf({ error, lastSuccessAt: now - 15 * minute }), ['MT083 info']],
  'a failure for longer': [statusOf({ error, lastSuccessAt: now - 16 * minute }), ['MT083 warning']],
  'a failure for a day': [statusOf({ error, lastSuccessAt: now - day - minute }), ['MT083 error']],
  'a failure while a CA certificate ends in 6 days': [statusOf({ error }, soon), ['MT083 error']],
  'a failure with the bootstrap bundle': [
    statusOf({ error, origin: 'bootstrap', lastSuccessAt: undefined }),
    ['MT083 warning'],
  ],
  'a failure without any bundle': [
    statusOf({ ...nothing, error, lastSuccessAt: undefined }),
    ['MT083 error'],
  ],
  'a bundle that is too old': [statusOf({ ...nothing, error, withdrawn: 'too-old' }), ['MT083 error']],
  'a lower sequence': [statusOf({ held: { ...held, kind: 'lower-sequence' } }), ['MT085 warning']],
  'an empty bundle': [statusOf({ held: { ...held, kind: 'empty' } }), ['MT086 error']],
  'a withdrawn bundle': [statusOf({ ...nothing, withdrawn: 'empty' }), ['MT086 error']],
  'a key without a certificate': [
    statusOf({}, { keys: [{ use: 'x509-svid', kty: 'EC' }, ...[bundleDocument([makeCa()])['keys']].flat()] }),
    ['MT084 warning'],
  ],
  'a hint beyond the longest interval': [
    statusOf({}, bundleDocument([makeCa()], { refreshHint: 901 })),
    ['MT089 info'],
  ],
  'a hint beyond a sixth of the life of a CA certificate': [
    statusOf(
      {},
      bundleDocument([makeCa({ notBefore: new Date(now - hour), notAfter: new Date(now) })], {
        refreshHint: 601,
      }),
    ),
    ['MT089 info'],
  ],
};

test('relationship: its findings and their severity', async (t) => {
  for (const [name, [status, found]] of Object.entries(cases))
    await t.test(name, () => {
      const findings = federationFindings([status], now, maxIntervalMs, new Map());
      assert.deepEqual(
        findings.map(({ code, severity }) => `${code} ${severity}`),
        found,
      );
    });
});

test('failure of the identity after a success: the finding says what to do', () => {
  const identity = { reason: 'identity', message: 'unknown' } as const;
  const [after] = federationFindings([statusOf({ error: identity })], now, maxIntervalMs, new Map());
  const [before] = federationFindings(
    [statusOf({ error: identity, lastSuccessAt: undefined })],
    now,
    maxIntervalMs,
    new Map(),
  );
  assert.match(after?.message ?? '', /set spec\.trustDomainBundle to its new bundle$/);
  assert.doesNotMatch(before?.message ?? '', /spec\.trustDomainBundle/);
});

test('text of a finding: does not change with time', () => {
  const status = statusOf({ error });
  const texts = [now, now + hour, now + 2 * day].map(
    (at) => federationFindings([status], at, maxIntervalMs, new Map())[0]?.message,
  );
  assert.equal(new Set(texts).size, 1);
});

function shareOf(path: string): Share {
  const text = meshTrustYaml({ name: 'listed', trustDomain: peerDomain, pems: [makeCa().certPem] });
  const parsed = parseFile(path, text, { defaultMesh: 'default', reader: createAnchorReader() });
  const [document] = parsed.kind === 'documents' ? parsed.documents : [];
  assert.ok(document?.kind === 'mesh-trust');
  return currentShare(document.resource);
}

test('failure without a bundle: the finding says that clients are refused only if no CA certificate is in force', () => {
  const status = statusOf({ ...nothing, error, lastSuccessAt: undefined });
  const textWith = (shares: readonly Share[]): string | undefined => {
    const holdings = new Map([['default', new Map([[peerDomain, shares]])]]);
    return federationFindings([status], now, maxIntervalMs, holdings)[0]?.message;
  };
  assert.match(textWith([]) ?? '', /; its clients are refused$/);
  assert.match(textWith([shareOf('a.yaml')]) ?? '', /; its other CA certificates stay in force$/);
});

test('trust domain that a file lists as well: is a finding', () => {
  const fetched = shareOf('federation:default/spire.test');
  const codes = (shares: readonly Share[], status = statusOf()): readonly string[] =>
    alsoListedFindings([status], new Map([['default', new Map([[peerDomain, shares]])]])).map(
      ({ code }) => code,
    );
  assert.deepEqual(codes([fetched]), []);
  assert.deepEqual(codes([fetched, shareOf('a.yaml')]), ['MT088']);
  assert.deepEqual(codes([shareOf('a.yaml')], statusOf(nothing)), []);
});
