import * as fc from '../../kit/fast-check.ts';

import { makeCa, makeIntermediate, makeKey, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate, CertificateOptions, LeafOptions } from '../../kit/certificates.ts';
import { contextPrimitive, nullValue, sequence } from '../../kit/der.ts';
import type { CertificateSpec, Name } from '../../kit/issue-certificate.ts';
import { nameConstraints } from './cases.ts';

/** A leaf, the certificates that its client sends, and the anchors of its trust domain, from a few random CAs. */
export interface RandomCase {
  readonly trustDomain: string;
  readonly anchors: readonly Certificate[];
  readonly leaf: Certificate;
  readonly chain: readonly Certificate[];
  /** The random plan of the case. */
  readonly plan: Plan;
}

type Plan = typeof planArbitrary extends fc.Arbitrary<infer Value> ? Value : never;

const hour = 3_600_000;
const dates = {
  now: {},
  past: { notBefore: new Date(Date.now() - 48 * hour), notAfter: new Date(Date.now() - hour) },
  future: { notBefore: new Date(Date.now() + hour), notAfter: new Date(Date.now() + 48 * hour) },
} as const;

/** Names of CAs. The first two are equal under the comparison of RFC 5280. */
const names: readonly Name[] = ['CA', ' ca', 'Other CA'].map((name) => [['CN', name]]);
const keys = [makeKey(), makeKey(), makeKey()];
const basicConstraints: readonly CertificateSpec['basicConstraints'][] = [
  { kind: 'ca' },
  { kind: 'ca', pathLength: 0 },
  { kind: 'ca', pathLength: 1 },
  { kind: 'end-entity' },
  undefined,
];

/** Picks mostly the first value, so that some paths are valid. */
function mostly<Value>(usual: Value, ...others: readonly Value[]): fc.Arbitrary<Value> {
  return fc.oneof(
    { weight: 25, arbitrary: fc.constant(usual) },
    ...others.map((value) => fc.constant(value)),
  );
}

const common = {
  dates: mostly<keyof typeof dates>('now', 'past', 'future'),
  authorityKeyId: fc.constantFrom('key-id', 'issuer-and-serial', undefined),
  critical: mostly(false, true),
  /** The index of the issuer among the earlier CAs. */
  issuer: fc.nat(),
} as const;

const planArbitrary = fc.record({
  cas: fc.array(
    fc.record({
      ...common,
      name: fc.nat({ max: names.length - 1 }),
      key: fc.nat({ max: keys.length - 1 }),
      selfSigned: fc.nat({ max: 2 }).map((one) => one === 0),
      subjectKeyId: fc.boolean(),
      basicConstraints: mostly(...(basicConstraints.keys().toArray() as [number, ...number[]])),
      keyUsage: mostly<CertificateSpec['keyUsage']>(['keyCertSign'], undefined, ['digitalSignature']),
      constraint: mostly('none', 'permits-it', 'permits-another', 'excludes-it'),
      listed: fc.nat({ max: 2 }).map((one) => one === 0),
    }),
    { minLength: 2, maxLength: 6 },
  ),
  leaf: fc.record({
    ...common,
    /** The index of a CA whose name the leaf gets, which can make it self-issued; by default a name of no CA. */
    name: mostly<number | undefined>(undefined, 0, 2),
    basicConstraints: mostly<number>(3, 4, 0),
    keyUsage: mostly<CertificateSpec['keyUsage']>(['digitalSignature'], undefined, ['keyCertSign']),
  }),
  /** The indexes of the CAs that are sent, in this order. */
  sent: fc.array(fc.nat(), { maxLength: 8 }),
});

/** Returns the cases of a seed. Trust domains are numbered. */
export function randomCases(seed: number, count: number): readonly RandomCase[] {
  return fc
    .sample(planArbitrary, { seed, numRuns: count })
    .map((plan, index) => make(plan, `r${index + 1}.test`));
}

function make(plan: Plan, trustDomain: string): RandomCase {
  const cas: Certificate[] = [];
  for (const ca of plan.cas) {
    const options: CertificateOptions = {
      ...dates[ca.dates],
      subject: names[ca.name] ?? [],
      key: keys[ca.key] ?? makeKey(),
      subjectKeyId: ca.subjectKeyId,
      authorityKeyId: ca.authorityKeyId,
      basicConstraints: basicConstraints[ca.basicConstraints],
      keyUsage: ca.keyUsage,
      otherExtensions: [...constraintOf(ca.constraint, trustDomain), ...unknown(ca.critical)],
    };
    const issuer = ca.selfSigned ? undefined : cas[ca.issuer % cas.length];
    cas.push(issuer === undefined ? makeCa(options) : makeIntermediate(issuer, options));
  }
  const { leaf } = plan;
  const options: LeafOptions = {
    ...dates[leaf.dates],
    ...(leaf.name === undefined ? {} : { subject: names[leaf.name] ?? [] }),
    spiffeId: `spiffe://${trustDomain}/x`,
    authorityKeyId: leaf.authorityKeyId,
    basicConstraints: basicConstraints[leaf.basicConstraints],
    keyUsage: leaf.keyUsage,
    otherExtensions: unknown(leaf.critical),
  };
  const pick = (index: number): Certificate => cas[index % cas.length] ?? makeCa();
  const listed = cas.filter((_, index) => plan.cas[index]?.listed === true);
  return {
    trustDomain,
    anchors: listed.length > 0 ? listed : [pick(0)],
    leaf: makeLeaf(pick(leaf.issuer), options),
    chain: plan.sent.map(pick),
    plan,
  };
}

function constraintOf(kind: string, trustDomain: string): CertificateSpec['otherExtensions'] {
  const uri = (host: string): Buffer => contextPrimitive(6, Buffer.from(host, 'latin1'));
  switch (kind) {
    case 'permits-it':
      return [nameConstraints([uri(trustDomain)])];
    case 'permits-another':
      return [nameConstraints([uri('another.test')])];
    case 'excludes-it':
      return [nameConstraints([], [uri(trustDomain)])];
    default:
      return [];
  }
}

function unknown(critical: boolean): CertificateSpec['otherExtensions'] {
  return critical ? [{ id: '1.3.6.1.4.1.99999.1', value: sequence(nullValue()), critical }] : [];
}
