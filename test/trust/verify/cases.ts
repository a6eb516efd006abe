import { makeCa, makeIntermediate, makeKey, makeLeaf, makeSelfSignedLeaf } from '../../kit/certificates.ts';
import type { Certificate, CertificateOptions, LeafOptions } from '../../kit/certificates.ts';
import {
  contextConstructed,
  contextPrimitive,
  integer,
  nullValue,
  oid,
  printableString,
  sequence,
  tlv,
  utf8String,
} from '../../kit/der.ts';
import { encodeName, keyIdentifier } from '../../kit/issue-certificate.ts';
import type { ExtensionSpec, Name } from '../../kit/issue-certificate.ts';
import type { RefusalCode } from '../../../src/trust/verify/verdict.ts';

/** The expected verdict: admitted, or the code of the refusal. */
export type AdmissionCode = 'admitted' | RefusalCode;

/** One leaf, and the anchors of its trust domain. */
export interface AdmissionCase {
  readonly title: string;
  /** Unique to this case. */
  readonly trustDomain: string;
  /** The certificates that the MeshTrust lists. */
  readonly anchors: readonly Certificate[];
  readonly leaf: Certificate;
  /** The certificates that the client sends after its leaf. */
  readonly chain: readonly Certificate[];
  readonly expected: AdmissionCode;
}

interface Scene {
  readonly anchors: readonly Certificate[];
  readonly leaf: Certificate;
  readonly chain?: readonly Certificate[];
}

const hour = 3_600_000;
const ago = (hours: number): Date => new Date(Date.now() - hours * hour);
const inFuture = (hours: number): Date => ago(-hours);
const expired = { notBefore: ago(48), notAfter: ago(1) } as const;
const notYet = { notBefore: inFuture(1), notAfter: inFuture(48) } as const;

const cases: AdmissionCase[] = [];
/** A CA that is listed in one trust domain and issues leaves of others. */
const foreignCa = makeCa({ commonName: 'Foreign' });

function add(
  title: string,
  expected: AdmissionCode,
  scene: (id: string, trustDomain: string) => Scene,
): void {
  const trustDomain = `c${cases.length + 1}.test`;
  const { anchors, leaf, chain = [] } = scene(`spiffe://${trustDomain}/workload`, trustDomain);
  cases.push({ title, trustDomain, anchors, leaf, chain, expected });
}

/** Returns a scene with a leaf directly below a new CA. */
function below(caOptions: CertificateOptions, leafOptions: LeafOptions = {}) {
  return (spiffeId: string): Scene => {
    const ca = makeCa(caOptions);
    return { anchors: [ca], leaf: makeLeaf(ca, { spiffeId, ...leafOptions }) };
  };
}

/** Returns a scene with a leaf below an intermediate below a listed root. The leaf and the intermediate are sent. */
function through(
  options: CertificateOptions,
  rootOptions: CertificateOptions = {},
  leafOptions: LeafOptions = {},
) {
  return (spiffeId: string): Scene => {
    const root = makeCa({ commonName: 'Root', ...rootOptions });
    const middle = makeIntermediate(root, { commonName: 'Middle', ...options });
    return { anchors: [root], leaf: makeLeaf(middle, { spiffeId, ...leafOptions }), chain: [middle] };
  };
}

/** Returns an authority key identifier (RFC 5280, 4.2.1.1) that names `ca` by its serial number and its issuer. */
function namesIssuerOf(ca: Certificate, issuer: Certificate): LeafOptions {
  const value = sequence(
    contextConstructed(1, directory(issuer.name)),
    contextPrimitive(2, integer(ca.serial).subarray(2)),
  );
  return { authorityKeyId: undefined, otherExtensions: [{ id: '2.5.29.35', value }] };
}

/** Returns name constraints (RFC 5280, 4.2.1.10) with encoded bases. */
export function nameConstraints(
  permitted: readonly Buffer[],
  excluded: readonly Buffer[] = [],
): ExtensionSpec {
  const lists = [permitted, excluded].flatMap((bases, index) =>
    bases.length === 0 ? [] : [contextConstructed(index, ...bases.map((base) => sequence(base)))],
  );
  return { id: '2.5.29.30', value: sequence(...lists), critical: true };
}

const text = (tag: number, value: string): Buffer => contextPrimitive(tag, Buffer.from(value, 'latin1'));
const uri = (value: string): Buffer => text(6, value);
const dns = (value: string): Buffer => text(2, value);
const directory = (name: Name): Buffer => contextConstructed(4, encodeName(name));
const constrained = (permitted: readonly Buffer[], excluded: readonly Buffer[] = []) => ({
  otherExtensions: [nameConstraints(permitted, excluded)],
});
const unknownExtension = (critical: boolean) => ({
  otherExtensions: [{ id: '1.3.6.1.4.1.99999.1', value: nullValue(), critical }],
});

// The leaf itself.
add('a sound leaf', 'admitted', below({}));
add('an expired leaf', 'leaf-expired', below({}, expired));
add('a leaf that is not yet valid', 'leaf-not-yet-valid', below({}, notYet));
add('a leaf that is a CA', 'leaf-is-ca', below({}, { basicConstraints: { kind: 'ca' } }));
add(
  'a leaf that may sign certificates',
  'leaf-can-sign',
  below({}, { keyUsage: ['digitalSignature', 'keyCertSign'] }),
);
add('a leaf that may sign CRLs', 'leaf-can-sign', below({}, { keyUsage: ['digitalSignature', 'cRLSign'] }));
add('a leaf without key usage', 'leaf-can-sign', below({}, { keyUsage: undefined }));
add('a leaf without basic constraints', 'admitted', below({}, { basicConstraints: undefined }));
add(
  'a leaf whose key may only encipher',
  'leaf-cannot-authenticate',
  below({}, { keyUsage: ['keyEncipherment'] }),
);
add('a leaf without an extended key usage', 'admitted', below({}, { extendedKeyUsage: [] }));
add('a leaf only for servers', 'admitted', below({}, { extendedKeyUsage: ['serverAuth'] }));
add('a leaf for any use', 'admitted', below({}, { extendedKeyUsage: ['any'] }));
add('a leaf for code signing', 'admitted', below({}, { extendedKeyUsage: ['codeSigning'] }));
add(
  'a leaf with an unknown critical extension',
  'unknown-critical-extension',
  below({}, unknownExtension(true)),
);
add('a leaf with an unknown extension', 'admitted', below({}, unknownExtension(false)));
add('a leaf with an RSA key of 1024 bits', 'admitted', below({}, { keyType: 'rsa-1024' }));
add('a leaf with a P-384 key', 'admitted', below({}, { keyType: 'ec-p384' }));
add('a leaf with a P-521 key', 'leaf-key-unusable', below({}, { keyType: 'ec-p521' }));
add('a leaf with an Ed25519 key', 'leaf-key-unusable', below({}, { keyType: 'ed25519' }));
add(
  'a leaf of 99 KiB',
  'admitted',
  below({}, { otherExtensions: [{ id: '1.2.3.4', value: Buffer.alloc(99 * 1024) }] }),
);
add(
  'a leaf of more than 100 KiB',
  'message-too-long',
  below({}, { otherExtensions: [{ id: '1.2.3.4', value: Buffer.alloc(100 * 1024) }] }),
);
add('an intermediate of 60 KiB that is sent twice', 'message-too-long', (id) => {
  const scene = through({ otherExtensions: [{ id: '1.2.3.4', value: Buffer.alloc(60 * 1024) }] })(id);
  return { ...scene, chain: [...(scene.chain ?? []), ...(scene.chain ?? [])] };
});
add('a leaf of version 1', 'leaf-can-sign', below({}, { version: 1 }));

// Extensions that a strict reader rejects, and policies.
const extra = (id: string, value: Buffer, critical = false) => ({
  otherExtensions: [{ id, value, critical }],
});
const policies = (...ids: readonly string[]): ExtensionSpec => ({
  id: '2.5.29.32',
  value: sequence(...ids.map((id) => sequence(oid(id)))),
});
const demandsPolicy: ExtensionSpec = {
  id: '2.5.29.36',
  value: sequence(contextPrimitive(0, Buffer.from([0]))),
  critical: true,
};
add(
  'a leaf with an empty extended key usage',
  'admitted',
  below({}, { extendedKeyUsage: [], ...extra('2.5.29.37', sequence()) }),
);
add(
  'a leaf that is not a CA and has a path length',
  'invalid-extension',
  below({}, { basicConstraints: undefined, ...extra('2.5.29.19', sequence(integer(0n)), true) }),
);
add(
  'an intermediate that is not a CA and has a path length',
  'no-path',
  through({ basicConstraints: undefined, ...extra('2.5.29.19', sequence(integer(0n)), true) }),
);
add('a leaf with the same unknown extension twice', 'admitted', (id) =>
  below({}, { otherExtensions: [0, 1].map(() => ({ id: '1.2.3.4', value: nullValue() })) })(id),
);
add(
  'an intermediate that requires a policy, and a leaf without one',
  'no-explicit-policy',
  through({ otherExtensions: [policies('1.2.3.1'), demandsPolicy] }),
);
add(
  'an intermediate that requires a policy, and a leaf with it',
  'admitted',
  through(
    { otherExtensions: [policies('1.2.3.1'), demandsPolicy] },
    {},
    { otherExtensions: [policies('1.2.3.1')] },
  ),
);
add(
  'an intermediate that requires a policy, and a leaf with another',
  'no-explicit-policy',
  through(
    { otherExtensions: [policies('1.2.3.1'), demandsPolicy] },
    {},
    { otherExtensions: [policies('1.2.3.2')] },
  ),
);
add(
  'a leaf that names a policy twice',
  'invalid-policy',
  below({}, { otherExtensions: [policies('1.2.3.1', '1.2.3.1')] }),
);
add('a leaf with malformed policies', 'invalid-policy', below({}, extra('2.5.29.32', integer(1n))));
add('an anchor that requires a policy', 'admitted', below({ otherExtensions: [demandsPolicy] }));
add(
  'more than 2^20 comparisons of names with constraints',
  'too-many-names',
  below(constrained(Array.from({ length: 1025 }, (_, index) => dns(`h${index}.test`))), {
    dnsNames: Array.from({ length: 1025 }, () => 'h1.test'),
  }),
);

// Values inside of names and policies.
const otherName = (value: Buffer): Buffer =>
  contextConstructed(0, oid('1.2.3.4'), contextConstructed(0, value));
const ediName = (...fields: readonly Buffer[]): Buffer => contextConstructed(5, ...fields);
const padded = tlv(2, Buffer.from([0, 1]));
const badUtf8 = tlv(12, Buffer.from([0xff]));
for (const [title, expected, name] of [
  ['an other name', 'admitted', otherName(utf8String('x'))],
  ['an other name with a padded number', 'invalid-extension', otherName(padded)],
  ['an other name with bad UTF-8', 'invalid-extension', otherName(badUtf8)],
  ['an other name with a tag of several bytes', 'admitted', otherName(Buffer.from('9f811f00', 'hex'))],
  ['an other name with a padded tag', 'invalid-extension', otherName(Buffer.from('9f801f00', 'hex'))],
  ['an other name with a universal tag of 255', 'admitted', otherName(Buffer.from('1f817f00', 'hex'))],
  [
    'an other name with a universal tag of 256',
    'invalid-extension',
    otherName(Buffer.from('1f820000', 'hex')),
  ],
  ['an other name with a time zone', 'admitted', otherName(tlv(23, Buffer.from('250101000000+0130')))],
  [
    'an other name with a time zone of 24 hours',
    'invalid-extension',
    otherName(tlv(23, Buffer.from('250101000000+2400'))),
  ],
  ['an EDI name', 'admitted', ediName(contextConstructed(1, utf8String('x')))],
  [
    'an EDI name with an assigner',
    'admitted',
    ediName(contextConstructed(0, utf8String('a')), contextConstructed(1, utf8String('x'))),
  ],
  ['an EDI name without a party', 'invalid-extension', ediName(contextConstructed(0, utf8String('a')))],
  ['an empty EDI name', 'invalid-extension', ediName()],
  [
    'an EDI name of another string type',
    'invalid-extension',
    ediName(contextConstructed(1, tlv(22, Buffer.from('x')))),
  ],
] as const) {
  add(`a leaf with ${title}`, expected, (id) => below({}, { uris: [id], otherNames: [name] })(id));
}
add('an intermediate with an other name whose value has bad UTF-8', 'no-path', (id) =>
  through(extra('2.5.29.17', sequence(otherName(badUtf8))))(id),
);
const qualified = (...fields: readonly Buffer[]) =>
  below({}, extra('2.5.29.32', sequence(sequence(oid('1.2.3.1'), sequence(sequence(...fields))))));
const userNotice = (...fields: readonly Buffer[]) => qualified(oid('1.3.6.1.5.5.7.2.2'), sequence(...fields));
for (const [title, expected, scene] of [
  ['an empty user notice', 'admitted', userNotice()],
  [
    'a user notice',
    'admitted',
    userNotice(sequence(utf8String('x'), sequence(integer(1n))), utf8String('x')),
  ],
  ['a user notice without numbers', 'invalid-policy', userNotice(sequence(utf8String('x')))],
  [
    'a user notice with a padded number',
    'invalid-policy',
    userNotice(sequence(utf8String('x'), sequence(padded))),
  ],
  ['a user notice with bad UTF-8', 'invalid-policy', userNotice(badUtf8)],
  ['a user notice in a PrintableString', 'invalid-policy', userNotice(printableString('x'))],
  ['a user notice with two texts', 'invalid-policy', userNotice(utf8String('x'), utf8String('x'))],
  ['an unknown qualifier', 'admitted', qualified(oid('1.2.3.9'), utf8String('x'))],
  ['an unknown qualifier without a value', 'invalid-policy', qualified(oid('1.2.3.9'))],
  ['an unknown qualifier with bad UTF-8', 'invalid-policy', qualified(oid('1.2.3.9'), badUtf8)],
] as const) {
  add(`a leaf whose policy has ${title}`, expected, scene);
}

// The names of the leaf.
add('no subject alternative name', 'no-spiffe-id', below({}, { uris: [] }));
add('a DNS name and no URI', 'no-spiffe-id', below({}, { uris: [], dnsNames: ['workload.test'] }));
add('two URIs, of which the first is of the trust domain', 'admitted', (id) =>
  below({}, { uris: [id, 'spiffe://other.test/x'] })(id),
);
add('two URIs, of which the second is of the trust domain', 'unknown-trust-domain', (id) =>
  below({}, { uris: ['spiffe://nowhere.test/x', id] })(id),
);
add('two URIs, of which the first is not a SPIFFE ID', 'no-spiffe-id', (id) =>
  below({}, { uris: ['https://x.test/', id] })(id),
);
add('a DNS name before the URI', 'admitted', (id) =>
  below({}, { uris: [], otherNames: [dns('x.test'), uri(id)] })(id),
);
add('another trust domain that is not listed', 'unknown-trust-domain', () =>
  below({}, { uris: ['spiffe://nowhere.test/workload'] })(''),
);
add('a trust domain in upper case', 'unknown-trust-domain', (_, td) =>
  below({}, { uris: [`spiffe://${td.toUpperCase()}/workload`] })(''),
);
add('a scheme in upper case', 'no-spiffe-id', (_, td) =>
  below({}, { uris: [`SPIFFE://${td}/workload`] })(''),
);
add('a SPIFFE ID without a path', 'no-spiffe-id', (_, td) => below({}, { uris: [`spiffe://${td}`] })(''));
add('a SPIFFE ID whose path is a slash', 'admitted', (_, td) => below({}, { uris: [`spiffe://${td}/`] })(''));
add('a SPIFFE ID with a port', 'unknown-trust-domain', (_, td) =>
  below({}, { uris: [`spiffe://${td}:443/x`] })(''),
);
add('a SPIFFE ID with an empty trust domain', 'no-spiffe-id', () => below({}, { uris: ['spiffe:///x'] })(''));

// The issuer of the leaf.
add('a CA that is not listed', 'no-path', (id) => ({
  anchors: [makeCa({ commonName: 'Listed' })],
  leaf: makeLeaf(makeCa({ commonName: 'Other' }), { spiffeId: id }),
}));
add('another CA of the same name', 'no-path', (id) => ({
  anchors: [makeCa()],
  leaf: makeLeaf(makeCa(), { spiffeId: id }),
}));
add('another CA of the same name, without key identifiers', 'bad-signature', (id) => {
  const plain = { subjectKeyId: false, authorityKeyId: undefined } as const;
  return { anchors: [makeCa(plain)], leaf: makeLeaf(makeCa(plain), { spiffeId: id, ...plain }) };
});
add('one of two CAs of one name', 'admitted', (id) => {
  const [one, two] = [makeCa(), makeCa()];
  return { anchors: [one, two], leaf: makeLeaf(two, { spiffeId: id }) };
});
add('the CA of another trust domain', 'no-path', (id) => ({
  anchors: [makeCa({ commonName: 'Not the one' })],
  leaf: makeLeaf(foreignCa, { spiffeId: id }),
}));
add('the CA of another trust domain, in that trust domain', 'admitted', (id) => ({
  anchors: [foreignCa],
  leaf: makeLeaf(foreignCa, { spiffeId: id }),
}));
add('the name of the issuer in other letter case and spaces', 'admitted', (id) => {
  const ca = makeCa({ commonName: 'Spaced  CA' });
  return { anchors: [ca], leaf: makeLeaf({ ...ca, name: [['CN', ' spaced ca ']] }, { spiffeId: id }) };
});
add('the name of the issuer as another kind of string', 'admitted', (id) => {
  const ca = makeCa({ subject: [['C', 'DE']] });
  return { anchors: [ca], leaf: makeLeaf({ ...ca, name: [['C', 'de']] }, { spiffeId: id }) };
});
add(
  'an authority key identifier by issuer and serial',
  'admitted',
  below({}, { authorityKeyId: 'issuer-and-serial' }),
);
add('an authority key identifier of another key', 'no-path', (id) => {
  const ca = makeCa();
  return {
    anchors: [ca],
    leaf: makeLeaf(ca, {
      spiffeId: id,
      authorityKeyId: undefined,
      otherExtensions: [
        { id: '2.5.29.35', value: sequence(contextPrimitive(0, keyIdentifier(makeKey().publicKey))) },
      ],
    }),
  };
});
add('a leaf that signed itself', 'no-path', (id) => {
  const leaf = makeSelfSignedLeaf({ spiffeId: id });
  return { anchors: [makeCa({ commonName: 'Other' })], leaf };
});

// The anchor.
add('an expired anchor', 'anchor-expired', below(expired));
add('an anchor that is not yet valid', 'anchor-not-yet-valid', below(notYet));
add('an anchor that was renewed, one of them expired', 'admitted', (id) => {
  const old = makeCa(expired);
  return { anchors: [old, makeCa({ key: old })], leaf: makeLeaf(old, { spiffeId: id }) };
});
add('an expired anchor, renewed with the same key and its name in other letter case', 'admitted', (id) => {
  const old = makeCa({ ...expired, commonName: 'Renewed CA' });
  return {
    anchors: [old, makeCa({ key: old, commonName: 'RENEWED ca' })],
    leaf: makeLeaf(old, { spiffeId: id }),
  };
});
add('an anchor without key usage', 'admitted', below({ keyUsage: undefined }));
add('an anchor without basic constraints', 'admitted', below({ basicConstraints: undefined }));
add('an anchor of version 1', 'admitted', below({ version: 1 }, { authorityKeyId: undefined }));
add('an anchor with an unknown critical extension', 'admitted', below(unknownExtension(true)));
add('an anchor only for servers', 'admitted', below({ extendedKeyUsage: ['serverAuth'] }));
add('an anchor with an RSA key of 1024 bits', 'admitted', below({ keyType: 'rsa-1024' }));
add('an anchor with an RSA key of 512 bits', 'admitted', below({ keyType: 'rsa-512' }));
add('an anchor with a P-521 key', 'admitted', below({ keyType: 'ec-p521' }));
add('an anchor with an Ed25519 key', 'admitted', below({ keyType: 'ed25519' }));
add(
  'an anchor that allows no intermediates, and no intermediate',
  'admitted',
  below({ basicConstraints: { kind: 'ca', pathLength: 0 } }),
);
add(
  'an anchor that allows no intermediates, and one intermediate',
  'admitted',
  through({}, { basicConstraints: { kind: 'ca', pathLength: 0 } }),
);

// Signatures.
add('a leaf that an RSA key signed', 'admitted', below({ keyType: 'rsa-2048' }));
add(
  'a leaf that an RSA key signed with SHA-1',
  'admitted',
  below({ keyType: 'rsa-2048' }, { digest: 'sha1' }),
);
add('a leaf that an ECDSA key signed with SHA-1', 'admitted', below({}, { digest: 'sha1' }));
add(
  'a leaf that an RSA key signed with MD5',
  'signature-unsupported',
  below({ keyType: 'rsa-2048' }, { digest: 'md5' }),
);
for (const digest of ['sha224', 'sha384', 'sha512'] as const) {
  add(`a leaf that an RSA key signed with ${digest}`, 'admitted', below({ keyType: 'rsa-2048' }, { digest }));
  add(`a leaf that an ECDSA key signed with ${digest}`, 'admitted', below({}, { digest }));
}
add('a leaf with a broken signature', 'bad-signature', (id) => {
  const ca = makeCa();
  return { anchors: [ca], leaf: makeLeaf({ ...ca, privateKey: makeKey().privateKey }, { spiffeId: id }) };
});

// Intermediates.
add('an intermediate that is sent', 'admitted', through({}));
add('an intermediate that is not sent', 'no-path', (id) => ({ ...through({})(id), chain: [] }));
add('an intermediate that is listed beside its root', 'admitted', (id) => {
  const { anchors, leaf, chain = [] } = through({})(id);
  return { anchors: [...anchors, ...chain], leaf };
});
add('an intermediate that is listed beside its root and sent', 'admitted', (id) => {
  const { anchors, leaf, chain = [] } = through({})(id);
  return { anchors: [...anchors, ...chain], leaf, chain };
});
add('an intermediate that is listed without its root', 'admitted', (id) => {
  const { leaf, chain = [] } = through({})(id);
  return { anchors: chain, leaf };
});
add('an intermediate that is listed without its root and sent with its root', 'admitted', (id) => {
  const { anchors, leaf, chain = [] } = through({})(id);
  return { anchors: chain, leaf, chain: [...chain, ...anchors] };
});
add(
  'an intermediate that is listed without its root, and a leaf that names its issuer and serial',
  'no-path',
  (id) => {
    const root = makeCa({ commonName: 'Root' });
    const middle = makeIntermediate(root, { commonName: 'Middle' });
    return { anchors: [middle], leaf: makeLeaf(middle, { spiffeId: id, ...namesIssuerOf(middle, root) }) };
  },
);
add('an expired intermediate that is listed without its root', 'anchor-expired', (id) => {
  const { leaf, chain = [] } = through(expired)(id);
  return { anchors: chain, leaf };
});
add('an expired intermediate', 'intermediate-expired', through(expired));
add('an intermediate that is not yet valid', 'intermediate-not-yet-valid', through(notYet));
add(
  'an intermediate with CA:FALSE',
  'intermediate-not-ca',
  through({ basicConstraints: { kind: 'end-entity' } }),
);
add(
  'an intermediate without basic constraints',
  'intermediate-not-ca',
  through({ basicConstraints: undefined }),
);
add('an intermediate that may not sign certificates', 'no-path', through({ keyUsage: ['digitalSignature'] }));
add('an intermediate without key usage', 'admitted', through({ keyUsage: undefined }));
add(
  'an intermediate with an unknown critical extension',
  'unknown-critical-extension',
  through(unknownExtension(true)),
);
add('an intermediate only for servers', 'admitted', through({ extendedKeyUsage: ['serverAuth'] }));
add('an intermediate that was signed with SHA-1', 'admitted', through({ digest: 'sha1' }));
add('an intermediate with a broken signature', 'bad-signature', (id) => {
  const root = makeCa({ commonName: 'Root' });
  const middle = makeIntermediate({ ...root, privateKey: makeKey().privateKey }, { commonName: 'Middle' });
  return { anchors: [root], leaf: makeLeaf(middle, { spiffeId: id }), chain: [middle] };
});
for (const [title, expected, order] of [
  ['two intermediates in order', 'admitted', [0, 1, 2]],
  ['two intermediates in the wrong order', 'admitted', [1, 0]],
  ['two intermediates, of which the first is missing', 'no-path', [1]],
  ['two intermediates, of which the second is missing', 'no-path', [0]],
] as const) {
  add(title, expected, (id) => deep({})(id, order));
}
add('an intermediate that allows none below it, above one intermediate', 'path-too-long', (id) =>
  deep({ basicConstraints: { kind: 'ca', pathLength: 0 } })(id),
);
add('an intermediate that allows one below it, above one intermediate', 'admitted', (id) =>
  deep({ basicConstraints: { kind: 'ca', pathLength: 1 } })(id),
);
add('an intermediate that is sent twice, first expired and then renewed', 'intermediate-expired', (id) => {
  const root = makeCa({ commonName: 'Root' });
  const old = makeIntermediate(root, { commonName: 'Middle', ...expired });
  const renewed = makeIntermediate(root, { commonName: 'Middle', key: old });
  return { anchors: [root], leaf: makeLeaf(old, { spiffeId: id }), chain: [old, renewed] };
});
add('a root that is not listed, sent by the client', 'no-path', (id) => {
  const root = makeCa({ commonName: 'Root that is not listed' });
  const middle = makeIntermediate(root, { commonName: 'Middle' });
  return {
    anchors: [makeCa({ commonName: 'Listed' })],
    leaf: makeLeaf(middle, { spiffeId: id }),
    chain: [middle, root],
  };
});
add('an intermediate that is cross-signed, with the other root', 'admitted', (id) => {
  const [mine, theirs] = [makeCa({ commonName: 'Mine' }), makeCa({ commonName: 'Theirs' })];
  const middle = makeIntermediate(mine, { commonName: 'Middle' });
  const cross = makeIntermediate(theirs, { subject: middle.name, key: middle });
  return { anchors: [theirs], leaf: makeLeaf(middle, { spiffeId: id }), chain: [cross] };
});
add('a cross-signed intermediate, of which the wrong one comes first', 'no-path', (id) => {
  const [mine, theirs] = [makeCa({ commonName: 'Mine' }), makeCa({ commonName: 'Theirs' })];
  const middle = makeIntermediate(mine, { commonName: 'Middle' });
  const cross = makeIntermediate(theirs, { subject: middle.name, key: middle });
  return { anchors: [theirs], leaf: makeLeaf(middle, { spiffeId: id }), chain: [middle, cross] };
});
add('a root that is cross-signed by a listed one', 'admitted', (id) => {
  const [old, next] = [makeCa({ commonName: 'Old' }), makeCa({ commonName: 'Next' })];
  const cross = makeIntermediate(old, { subject: next.name, key: next });
  return { anchors: [old], leaf: makeLeaf(next, { spiffeId: id }), chain: [cross] };
});
add('a cross-signed root that is listed itself, sent with the certificate of the other', 'admitted', (id) => {
  const [old, next] = [makeCa({ commonName: 'Old' }), makeCa({ commonName: 'Next' })];
  const cross = makeIntermediate(old, { subject: next.name, key: next });
  return { anchors: [next], leaf: makeLeaf(next, { spiffeId: id }), chain: [cross] };
});
add('a rolled-over root, with only the certificate of its old key listed', 'admitted', (id) => {
  const old = makeCa({ commonName: 'Rolling' });
  const next = makeCa({ commonName: 'Rolling' });
  const link = makeIntermediate(old, { subject: next.name, key: next });
  return { anchors: [old], leaf: makeLeaf(next, { spiffeId: id }), chain: [link] };
});

// Name constraints.
const ca1 = (list: ReturnType<typeof constrained>, leaf: LeafOptions = {}) => below(list, leaf);
add('a trust domain that the anchor permits', 'admitted', (id, td) => ca1(constrained([uri(td)]))(id));
add(
  'a trust domain that the anchor does not permit',
  'name-not-permitted',
  ca1(constrained([uri('other.test')])),
);
add('a trust domain that the anchor permits by its ending', 'admitted', ca1(constrained([uri('.test')])));
add('a trust domain that the anchor permits in upper case', 'admitted', (id, td) =>
  ca1(constrained([uri(td.toUpperCase())]))(id),
);
add('a trust domain that the anchor excludes', 'name-excluded', (id, td) =>
  ca1(constrained([], [uri(td)]))(id),
);
add(
  'a trust domain that the anchor excludes by its ending',
  'name-excluded',
  ca1(constrained([], [uri('.test')])),
);
add('a trust domain that the anchor does not exclude', 'admitted', ca1(constrained([], [uri('other.test')])));
add('a trust domain that is permitted and excluded', 'name-excluded', (id, td) =>
  ca1(constrained([uri(td)], [uri(td)]))(id),
);
add('a second URI that the anchor does not permit', 'name-not-permitted', (id, td) =>
  ca1(constrained([uri(td)]), { uris: [id, 'spiffe://other.test/x'] })(id),
);
add(
  'a trust domain that an intermediate does not permit',
  'name-not-permitted',
  through(constrained([uri('other.test')])),
);
add('a trust domain that an intermediate permits', 'admitted', (id, td) =>
  through(constrained([uri(td)]))(id),
);
add('a trust domain that a re-rooted intermediate does not permit', 'name-not-permitted', (id) => {
  const { leaf, chain = [] } = through(constrained([uri('other.test')]))(id);
  return { anchors: chain, leaf };
});
add('a trust domain that the issuer of a re-rooted intermediate does not permit', 'admitted', (id) => {
  const { leaf, chain = [] } = through({}, constrained([uri('other.test')]))(id);
  return { anchors: chain, leaf };
});
add('a URI without a host, below a constraint', 'name-unreadable', (id, td) =>
  ca1(constrained([uri(td)]), { uris: [id, 'urn:x:y'] })(id),
);
add(
  'a DNS name that the anchor does not permit',
  'name-not-permitted',
  ca1(constrained([dns('good.test')]), { dnsNames: ['bad.test'] }),
);
add(
  'a DNS name that the anchor permits',
  'admitted',
  ca1(constrained([dns('good.test')]), { dnsNames: ['a.GOOD.test'] }),
);
add(
  'a DNS name that only ends like a permitted one',
  'name-not-permitted',
  ca1(constrained([dns('good.test')]), { dnsNames: ['notgood.test'] }),
);
add(
  'any DNS name, which the anchor permits',
  'admitted',
  ca1(constrained([dns('')]), { dnsNames: ['x.test'] }),
);
add(
  'a constraint on DNS names, and a leaf without DNS names',
  'admitted',
  ca1(constrained([dns('good.test')])),
);
add(
  'a subject that the anchor permits',
  'admitted',
  ca1(constrained([directory([['O', 'Mine']])]), {
    subject: [
      ['O', ' mine'],
      ['CN', 'x'],
    ],
  }),
);
add(
  'a subject that the anchor does not permit',
  'name-not-permitted',
  ca1(constrained([directory([['O', 'Mine']])]), {
    subject: [
      ['O', 'Theirs'],
      ['CN', 'x'],
    ],
  }),
);
add(
  'an empty subject, to which no constraint applies',
  'admitted',
  ca1(constrained([directory([['O', 'Mine']])]), { subject: [] }),
);
add(
  'a subject that the anchor excludes',
  'name-excluded',
  ca1(constrained([], [directory([['O', 'Mine']])]), { subject: [['O', 'Mine']] }),
);
add(
  'an intermediate whose subject the root does not permit',
  'name-not-permitted',
  through({}, constrained([directory([['O', 'Mine']])]), { subject: [['O', 'Mine']] }),
);
add(
  'a mail address that the anchor permits by its host',
  'admitted',
  ca1(constrained([text(1, 'x.test')]), { otherNames: [text(1, 'me@X.test')] }),
);
add(
  'a mail address that the anchor does not permit',
  'name-not-permitted',
  ca1(constrained([text(1, 'x.test')]), { otherNames: [text(1, 'me@y.test')] }),
);
add(
  'a mail address that the anchor permits in full',
  'admitted',
  ca1(constrained([text(1, 'me@x.test')]), { otherNames: [text(1, 'me@X.test')] }),
);
add(
  'a mail address of another box',
  'name-not-permitted',
  ca1(constrained([text(1, 'me@x.test')]), { otherNames: [text(1, 'Me@x.test')] }),
);
add(
  'a constraint on addresses, and a leaf with an address',
  'constraint-unsupported',
  ca1(constrained([contextPrimitive(7, Buffer.from([127, 0, 0, 1, 255, 0, 0, 0]))]), {
    otherNames: [contextPrimitive(7, Buffer.from([127, 0, 0, 1]))],
  }),
);
add(
  'a constraint on addresses, and a leaf without addresses',
  'admitted',
  ca1(constrained([contextPrimitive(7, Buffer.from([127, 0, 0, 1, 255, 0, 0, 0]))])),
);

/** Returns a scene: a leaf below two intermediates below a listed root. `sent` selects from [lower, upper, root]. */
function deep(upperOptions: CertificateOptions) {
  return (spiffeId: string, sent: readonly number[] = [0, 1]): Scene => {
    const root = makeCa({ commonName: 'Root' });
    const upper = makeIntermediate(root, { commonName: 'Upper', ...upperOptions });
    const lower = makeIntermediate(upper, { commonName: 'Lower' });
    const all = [lower, upper, root];
    return {
      anchors: [root],
      leaf: makeLeaf(lower, { spiffeId }),
      chain: sent.flatMap((index) => all[index] ?? []),
    };
  };
}

/** The table of cases for the unit tests and the tests with real Envoys. */
export const admissionCases: readonly AdmissionCase[] = cases;
