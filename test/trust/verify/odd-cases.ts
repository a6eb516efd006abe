import {
  bitString,
  contextConstructed,
  contextPrimitive,
  integer,
  nullValue,
  octetString,
  oid,
  printableString,
  sequence,
  tlv,
  utf8String,
} from '../../kit/der.ts';
import { randomNumbers } from '../../kit/seed.ts';
import {
  caConstraints,
  caUsage,
  ecdsa,
  ed25519,
  extension,
  isCritical,
  keys,
  leafUsage,
  makeOdd,
  mlDsa65,
  nameOf,
  rsaPkcs1,
  rsaPss,
  uriNames,
} from './odd-certificate.ts';
import type { OddCertificate, OddKey, OddSigning, OddSpec } from './odd-certificate.ts';

/** A client and the anchors of its trust domain, with something unusual about one of the certificates. */
export interface OddCase {
  readonly title: string;
  readonly trustDomain: string;
  readonly anchors: readonly OddCertificate[];
  readonly leaf: OddCertificate;
  readonly chain: readonly OddCertificate[];
}

/** A generator of random numbers from a seed. */
interface Dice {
  /** Returns an integer from 0 to `count - 1`. */
  readonly below: (count: number) => number;
  readonly pick: <Value>(values: readonly Value[]) => Value;
}

function createDice(from: number): Dice {
  const next = randomNumbers(from);
  const below = (count: number): number => Math.floor(next() * count);
  return {
    below,
    pick: (values) => {
      const value = values[below(values.length)];
      if (value === undefined) throw new Error('nothing to pick from');
      return value;
    },
  };
}

/** The kinds of cases. Each function picks what is unusual about its case. */
const kinds = {
  shape: oddShape,
  names: oddNames,
  policies: oddPolicies,
  signature: oddSignature,
  listed: oddListed,
  encoding: oddEncoding,
};
const kindNames = Object.keys(kinds) as readonly (keyof typeof kinds)[];

type Scene = Omit<OddCase, 'title' | 'trustDomain'> & { readonly what: string };

/** Returns `count` cases of a seed, of all kinds in turn. The same seed gives the same cases, except for new keys. */
export function oddCases(seed: number, count: number): readonly OddCase[] {
  return Array.from({ length: count }, (_, index) => {
    const kind = kindNames[index % kindNames.length] ?? 'shape';
    const dice = createDice(seed * 1_000_003 + index);
    const trustDomain = kind === 'names' ? dice.pick(oddDomains)(index) : `o${index}.test`;
    const { what, ...scene } = kinds[kind](dice, trustDomain);
    return { title: `${index} ${kind}: ${what}`, trustDomain, ...scene };
  });
}

/** Trust domains. BoringSSL 1.40 does not consider some of them hosts. */
const oddDomains: readonly ((index: number) => string)[] = [
  (index) => `n${index}.test`,
  (index) => `n${index}.test`,
  (index) => `n${index}.example.test`,
  (index) => `n_${index}.test`,
  (index) => `n${index}.${index}`,
  (index) => `${index}`,
  (index) => `n${index}.0x1f`,
  (index) => `n${index}-.test`,
  (index) => `n${index}.test.`,
  (index) => `n${index}..test`,
];

const hour = 3_600_000;
const ago = (hours: number): Date => new Date(Date.now() - hours * hour);
const critical = isCritical;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const isFalse = tlv(0x01, Buffer.from([0]));

type Part = 'leaf' | 'intermediate' | 'anchor' | 'listed intermediate';
type Oddity = readonly [string, (spec: OddSpec) => Partial<OddSpec>];

const more =
  (...extensions: readonly Buffer[]) =>
  (spec: OddSpec): Partial<OddSpec> => ({
    extensions: [...spec.extensions, ...extensions],
  });
const withKey = (key: OddKey, signing: OddSigning) => (): Partial<OddSpec> => ({ key, signing });
const withSubject = (value: Uint8Array, type?: string) => (): Partial<OddSpec> => ({
  subject: nameOf(value, type),
});
/** Returns a change of the basic constraints, whose CA flag gets these bytes. */
const withCaFlag =
  (flag: Buffer) =>
  (spec: OddSpec): Partial<OddSpec> => ({
    extensions: [
      extension('2.5.29.19', sequence(tlv(1, flag)), critical),
      ...spec.extensions.filter((one) => one !== caConstraints),
    ],
  });
const withPoint = (name: Buffer): ((spec: OddSpec) => Partial<OddSpec>) =>
  more(extension('2.5.29.31', sequence(sequence(contextConstructed(0, name)))));
const uri = (host: string): Buffer => contextPrimitive(6, Buffer.from(host, 'latin1'));
const generalName = (tag: number, text: string): Buffer => contextPrimitive(tag, Buffer.from(text, 'latin1'));
const any = '2.5.29.32.0';

/** Certificates that BoringSSL accepts and a strict DER reader rejects, that RFC 5280 forbids, or that are rare. */
const oddities: readonly Oddity[] = [
  ['a negative serial', () => ({ serial: tlv(2, hex('80ff')) })],
  ['a serial of zero', () => ({ serial: integer(0n) })],
  ['a serial of 24 bytes', () => ({ serial: tlv(2, Buffer.alloc(24, 0x55)) })],
  ['an empty serial', () => ({ serial: tlv(2) })],
  ['a padded serial', () => ({ serial: tlv(2, hex('0001')) })],
  ['a P-224 key', () => ({ key: keys.p224 })],
  ['a compressed P-224 key', () => ({ key: keys.p224Compressed })],
  ['a compressed P-256 key', () => ({ key: keys.p256Compressed })],
  ['a compressed P-384 key', () => ({ key: keys.p384Compressed })],
  ['a P-521 key', () => ({ key: keys.p521 })],
  ['an Ed25519 key', withKey(keys.ed25519, ed25519())],
  ['an RSA key', withKey(keys.rsa, rsaPkcs1('sha256'))],
  ['a bit string in the subject', withSubject(bitString(hex('a5')), '2.5.4.45')],
  ['an octet string in the subject', withSubject(octetString(hex('a5')))],
  ['a number in the subject', withSubject(integer(7n))],
  ['a negative number in the subject', withSubject(tlv(2, hex('80')))],
  ['an enumerated in the subject', withSubject(tlv(10, hex('01')))],
  ['a NULL in the subject', withSubject(nullValue())],
  ['a BOOLEAN in the subject', withSubject(tlv(1, hex('ff')))],
  ['a BOOLEAN of 01 in the subject', withSubject(tlv(1, hex('01')))],
  ['an identifier in the subject', withSubject(oid('1.2.3.4'))],
  ['a sequence in the subject', withSubject(sequence(integer(1n)))],
  ['a set in the subject', withSubject(tlv(0x31, integer(1n)))],
  ['a primitive sequence in the subject', withSubject(tlv(0x10, integer(1n)))],
  ['a NumericString in the subject', withSubject(tlv(0x12, Buffer.from('12 34')))],
  ['a GeneralString in the subject', withSubject(tlv(0x1b, Buffer.from('x')))],
  ['a GraphicString in the subject', withSubject(tlv(0x19, Buffer.from('x')))],
  ['a VideotexString in the subject', withSubject(tlv(0x15, Buffer.from('x')))],
  ['a UTCTime in the subject', withSubject(tlv(0x17, Buffer.from('250101000000Z')))],
  ['a context tag in the subject', withSubject(contextPrimitive(0, hex('01')))],
  ['a constructed string in the subject', withSubject(tlv(0x2c, utf8String('x')))],
  ['bad UTF-8 in the subject', withSubject(tlv(0x0c, hex('c080')))],
  ['an empty subject', () => ({ subject: sequence() })],
  ['a critical FALSE', more(extension('1.2.3.4', hex('00'), isFalse))],
  ['a critical flag of 01', more(extension('1.2.3.4', hex('00'), tlv(1, hex('01'))))],
  [
    'a critical flag of 01 at a known extension',
    more(extension('2.5.29.37', sequence(oid('1.2.3')), tlv(1, hex('01')))),
  ],
  ['a tag of several bytes in the subject', withSubject(hex('9f1f00'))],
  ['an unknown extension twice', more(extension('1.2.3.4', hex('00')), extension('1.2.3.4', hex('00')))],
  ['a key usage twice', (spec) => more(...spec.extensions)(spec)],
  ['an empty extended key usage', more(extension('2.5.29.37', sequence()))],
  ['an extended key usage that is text', more(extension('2.5.29.37', sequence(utf8String('x'))))],
  ['empty CRL distribution points', more(extension('2.5.29.31', sequence()))],
  ['a CA flag of 01', withCaFlag(hex('01'))],
  ['a CA flag of 80', withCaFlag(hex('80'))],
  ['a CA flag of two bytes', withCaFlag(hex('ffff'))],
  ['a CA flag without bytes', withCaFlag(hex(''))],
  ['a CRL distribution point with an empty relative name', withPoint(contextConstructed(1))],
  ['a CRL distribution point with an empty full name', withPoint(contextConstructed(0))],
  ['a CRL distribution point with an empty choice', withPoint(hex(''))],
  ['an empty CRL distribution point', more(extension('2.5.29.31', sequence(sequence())))],
  [
    'a CRL distribution point with an empty issuer',
    more(extension('2.5.29.31', sequence(sequence(contextConstructed(2))))),
  ],
  [
    'a CRL distribution point with empty reasons',
    more(extension('2.5.29.31', sequence(sequence(contextPrimitive(1, hex('00')))))),
  ],
  ['malformed CRL distribution points', more(extension('2.5.29.31', sequence(nullValue())))],
  ['an empty authority key identifier', more(extension('2.5.29.35', sequence()))],
  ['no names in the authority key identifier', more(extension('2.5.29.35', sequence(contextConstructed(1))))],
  [
    'another serial in the authority key identifier',
    more(extension('2.5.29.35', sequence(contextPrimitive(2, hex('80'))))),
  ],
  ['a malformed subject key identifier', more(extension('2.5.29.14', nullValue()))],
  ['empty name constraints', more(extension('2.5.29.30', sequence(), critical))],
  ['empty subtrees', more(extension('2.5.29.30', sequence(contextConstructed(0)), critical))],
  ['malformed name constraints', more(extension('2.5.29.30', integer(1n), critical))],
  [
    'a minimum of DNS names',
    more(
      extension(
        '2.5.29.30',
        sequence(contextConstructed(0, sequence(generalName(2, 'x'), contextPrimitive(0, hex('00'))))),
        critical,
      ),
    ),
  ],
  [
    'a maximum of URIs',
    more(
      extension(
        '2.5.29.30',
        sequence(contextConstructed(1, sequence(uri('other.test'), contextPrimitive(1, hex('05'))))),
        critical,
      ),
    ),
  ],
  ['an extension that is not DER', more(extension('1.2.3.4', hex('ff')))],
  ['an unknown critical extension', more(extension('1.2.3.4', hex('00'), critical))],
  ['another algorithm outside', () => ({ outerAlgorithm: ecdsa('sha384').algorithm })],
  ['a signature algorithm with NULL', () => ({ signing: ecdsa('sha256', nullValue()) })],
  [
    'version 1 written out',
    (spec) => ({ version: contextConstructed(0, integer(0n)), extensions: spec.extensions }),
  ],
  ['version 4', () => ({ version: contextConstructed(0, integer(3n)) })],
  ['no extensions', () => ({ extensions: [] })],
  [
    'a path length of 300',
    (spec) => ({
      extensions: spec.extensions.map((one) =>
        one === caConstraints
          ? extension('2.5.29.19', sequence(tlv(1, hex('ff')), integer(300n)), critical)
          : one,
      ),
    }),
  ],
  [
    'a negative path length',
    (spec) => ({
      extensions: spec.extensions.map((one) =>
        one === caConstraints
          ? extension('2.5.29.19', sequence(tlv(1, hex('ff')), tlv(2, hex('ff'))), critical)
          : one,
      ),
    }),
  ],
  [
    'CA:FALSE with a path length',
    (spec) => ({
      extensions: [
        extension('2.5.29.19', sequence(integer(0n)), critical),
        ...spec.extensions.filter((one) => one !== caConstraints),
      ],
    }),
  ],
  [
    'a CA flag written as FALSE',
    (spec) => ({
      extensions: [
        extension('2.5.29.19', sequence(isFalse), critical),
        ...spec.extensions.filter((one) => one !== caConstraints),
      ],
    }),
  ],
];

/** Alternative names for leaves, after the SPIFFE ID. */
const oddNameValues: readonly Buffer[] = [
  contextPrimitive(7, Buffer.alloc(5)),
  contextConstructed(3, nullValue()),
  contextConstructed(5, contextConstructed(1, utf8String('x'))),
  contextPrimitive(9, hex('00')),
  contextPrimitive(8, hex('2a03')),
];

interface Chain {
  readonly root: Partial<OddSpec>;
  readonly middle: Partial<OddSpec>;
  readonly leaf: Partial<OddSpec>;
}

const rootName = nameOf('Odd Root');
const middleName = nameOf('Odd Middle');

/** Makes a root, an intermediate and a leaf, each with the given overrides. */
function makeChain(given: Chain): { root: OddCertificate; middle: OddCertificate; leaf: OddCertificate } {
  const rootKey = given.root.key ?? keys.p256;
  const middleKey = given.middle.key ?? keys.other;
  const leafKey = given.leaf.key ?? keys.p384;
  const rootSubject = given.root.subject ?? rootName;
  const middleSubject = given.middle.subject ?? middleName;
  return {
    root: makeOdd({ subject: rootSubject, signing: signingOf(rootKey), ...given.root, key: rootKey }),
    middle: makeOdd({
      issuer: rootSubject,
      subject: middleSubject,
      issuerKey: rootKey,
      ...given.middle,
      key: middleKey,
      signing: given.middle.signing ?? signingOf(rootKey),
    }),
    leaf: makeOdd({
      issuer: middleSubject,
      subject: nameOf('leaf'),
      issuerKey: middleKey,
      ...given.leaf,
      key: leafKey,
      signing: given.leaf.signing ?? signingOf(middleKey),
    }),
  };
}

function signingOf({ publicKey }: OddKey): OddSigning {
  if (publicKey.asymmetricKeyType === 'rsa') return rsaPkcs1('sha256');
  if (publicKey.asymmetricKeyType === 'ml-dsa-65') return mlDsa65();
  return publicKey.asymmetricKeyType === 'ed25519' ? ed25519() : ecdsa('sha256');
}

function leafExtensions(trustDomain: string): readonly Buffer[] {
  return [leafUsage, uriNames(`spiffe://${trustDomain}/x`)];
}

/** Returns a case for every part and every oddity in `oddities`. */
export function allShapes(seed: number): readonly OddCase[] {
  return shapes.map((shape, index) => {
    const trustDomain = `s${index}.test`;
    const { what, ...scene } = makeShape(shape, createDice(seed * 1_000_003 + index), trustDomain);
    return { title: `${index} shape: ${what}`, trustDomain, ...scene };
  });
}

const parts: readonly Part[] = ['leaf', 'intermediate', 'anchor', 'listed intermediate'];
const shapes = oddities.flatMap((oddity) => parts.map((part) => ({ part, oddity })));

function oddShape(dice: Dice, trustDomain: string): Scene {
  return makeShape(dice.pick(shapes), dice, trustDomain);
}

/** Makes one part unusual: the leaf, a sent intermediate, an intermediate listed without its root, or the anchor. */
function makeShape(
  { part, oddity: [what, change] }: { readonly part: Part; readonly oddity: Oddity },
  dice: Dice,
  trustDomain: string,
): Scene {
  const base = { extensions: [caConstraints, caUsage] } as const;
  const apply = (one: Part, spec: { readonly extensions: readonly Buffer[] }): Partial<OddSpec> => {
    if (part !== one) return spec;
    const { signing, ...changed } = change(spec as OddSpec);
    // A change with only a signing fits the key of the issuer; a change with a new key does not.
    return {
      ...spec,
      ...changed,
      ...(signing !== undefined && changed.key === undefined ? { signing } : {}),
    };
  };
  const names = dice.below(6) === 0 ? [dice.pick(oddNameValues)] : [];
  const san = extension('2.5.29.17', sequence(uri(`spiffe://${trustDomain}/x`), ...names));
  const { root, middle, leaf } = makeChain({
    root: apply('anchor', base),
    middle: apply(part === 'listed intermediate' ? part : 'intermediate', base),
    leaf: apply('leaf', { extensions: [leafUsage, san] }),
  });
  const isListed = part === 'listed intermediate';
  return {
    what: `${part}: ${what}${names.length > 0 ? ', odd alternative name' : ''}`,
    anchors: isListed ? [middle] : [root],
    leaf,
    chain: isListed ? [] : [middle],
  };
}

/** Makes name constraints on the root or the intermediate, and names of all kinds in the leaf. */
function oddNames(dice: Dice, trustDomain: string): Scene {
  const bases: readonly string[] = [
    trustDomain,
    trustDomain.toUpperCase(),
    `${trustDomain}.`,
    `.${trustDomain}`,
    '.test',
    'test',
    '.example.test',
    'a.example.test',
    '*.example.test',
    '.',
    '',
    `spiffe://${trustDomain}`,
    'user@example.test',
    '@example.test',
    'User@Example.Test',
    '.Example.Test',
    'example.test',
    'a..test',
    'a@b@c',
    '10.0.0.1',
    '0x',
    'under_score.test',
  ];
  const values: readonly string[] = [
    'a.example.test',
    '*.example.test',
    '*.b.example.test',
    'example.test.',
    'EXAMPLE.TEST',
    'a.b.example.test',
    'user@example.test',
    'USER@example.test',
    'user@Example.test',
    'user@a.example.test',
    '"q uoted"@example.test',
    'a@b@example.test',
    '@example.test',
    'no-at',
    'https://example.test:443/x',
    'https://example.test:x/',
    'https://user@example.test/',
    'https://[::1]/',
    'https://10.0.0.1/',
    'urn:example:test',
    'https://example.test?x',
    'https://a.example.test./#f',
    '1https://example.test/',
    '',
  ];
  const kind = (): number => dice.pick([6, 6, 6, 2, 1]);
  const base = (): Buffer => {
    if (dice.below(12) === 0)
      return contextConstructed(4, dice.pick([rootName, nameOf('leaf'), nameOf('LEAF'), sequence()]));
    if (dice.below(15) === 0) return contextPrimitive(7, Buffer.alloc(8));
    return generalName(kind(), dice.pick(bases));
  };
  const subtrees = (count: number): readonly Buffer[] =>
    Array.from({ length: count }, () => sequence(base()));
  const [permitted, excluded] = [subtrees(dice.below(3)), subtrees(dice.below(3))];
  const constraints = extension(
    '2.5.29.30',
    sequence(
      ...(permitted.length > 0 ? [contextConstructed(0, ...permitted)] : []),
      ...(excluded.length > 0 ? [contextConstructed(1, ...excluded)] : []),
    ),
    critical,
  );
  const others = Array.from({ length: dice.below(3) }, () =>
    generalName(dice.pick([1, 2, 6]), dice.pick(values)),
  );
  const san = extension('2.5.29.17', sequence(uri(`spiffe://${trustDomain}/x`), ...others));
  const emails =
    dice.below(5) === 0 ? [dice.pick([utf8String, printableString, ia5])(dice.pick(values))] : [];
  const subject = sequence(
    ...emails.map((value) => tlv(0x31, sequence(oid('1.2.840.113549.1.9.1'), value))),
    tlv(0x31, sequence(oid('2.5.4.3'), utf8String('leaf'))),
  );
  const isRoot = dice.below(2) === 0;
  const isNone = permitted.length + excluded.length === 0;
  const ca = (has: boolean): Partial<OddSpec> => ({
    extensions: [caConstraints, caUsage, ...(has && !isNone ? [constraints] : [])],
  });
  const { root, middle, leaf } = makeChain({
    root: ca(isRoot),
    middle: ca(!isRoot),
    leaf: { extensions: [leafUsage, san], subject },
  });
  const show = (list: readonly Buffer[]): string =>
    list
      .map((one) =>
        one
          .toString('latin1')
          .replaceAll(/[^ -~]/g, ' ')
          .trim(),
      )
      .join(' | ');
  return {
    what: `${isRoot ? 'root' : 'intermediate'} permits [${show(permitted)}] excludes [${show(excluded)}], leaf ${trustDomain} [${show(others)}] ${show(emails)}`,
    anchors: [root],
    leaf,
    chain: [middle],
  };
}

function ia5(text: string): Buffer {
  return tlv(0x16, Buffer.from(text, 'latin1'));
}

/** Makes policies, policy constraints and mappings on all three certificates (RFC 5280, section 6.1). */
function oddPolicies(dice: Dice, trustDomain: string): Scene {
  const ids = ['1.2.3.1', '1.2.3.2', any] as const;
  const notes: string[] = [];
  const note = (text: string): void => void notes.push(text);
  const policies = (): readonly Buffer[] => {
    switch (dice.below(9)) {
      case 0:
      case 1:
        note('-');
        return [];
      case 2:
        note('empty');
        return [extension('2.5.29.32', sequence())];
      case 3: {
        note('twice');
        const one = sequence(oid(dice.pick(ids)));
        return [extension('2.5.29.32', sequence(one, one))];
      }
      case 4:
        note('malformed');
        return [extension('2.5.29.32', integer(1n))];
      case 5: {
        note('qualified');
        const qualifier = sequence(oid('1.3.6.1.5.5.7.2.1'), ia5('https://example.test/cps'));
        return [extension('2.5.29.32', sequence(sequence(oid(dice.pick(ids)), sequence(qualifier))))];
      }
      default: {
        const chosen = ids.filter(() => dice.below(2) === 0);
        note(chosen.join('+') || '1.2.3.1');
        const list = (chosen.length > 0 ? chosen : [ids[0]]).map((id) => sequence(oid(id)));
        return [extension('2.5.29.32', sequence(...list))];
      }
    }
  };
  const constraints = (): readonly Buffer[] => {
    const skip = (number: number): Buffer => contextPrimitive(number, Buffer.from([dice.below(3)]));
    switch (dice.below(8)) {
      case 0:
      case 1:
        note('explicit');
        return [extension('2.5.29.36', sequence(skip(0)), critical)];
      case 2:
        note('no-mapping');
        return [extension('2.5.29.36', sequence(skip(1)), critical)];
      case 3:
        note('explicit+no-mapping');
        return [extension('2.5.29.36', sequence(skip(0), skip(1)), critical)];
      case 4:
        note(dice.pick(['constraints?', 'negative']));
        return [
          extension(
            '2.5.29.36',
            notes.at(-1) === 'negative' ? sequence(contextPrimitive(0, hex('ff'))) : sequence(),
            critical,
          ),
        ];
      case 5:
        note('no-any');
        return [extension('2.5.29.54', integer(BigInt(dice.below(2))), critical)];
      default:
        return [];
    }
  };
  const mappings = (): readonly Buffer[] => {
    if (dice.below(4) > 0) return [];
    const [from, to] = [dice.pick(ids), dice.pick(ids)];
    note(`${from}>${to}`);
    return [
      extension(
        '2.5.29.33',
        dice.below(8) === 0 ? sequence() : sequence(sequence(oid(from), oid(to))),
        critical,
      ),
    ];
  };
  const ca = (): Partial<OddSpec> => ({
    extensions: [caConstraints, caUsage, ...policies(), ...constraints(), ...mappings()],
  });
  const chain = makeChain({
    root: ca(),
    middle: ca(),
    leaf: { extensions: [...leafExtensions(trustDomain), ...policies(), ...constraints()] },
  });
  const isListed = dice.below(3) === 0;
  return {
    what: `${isListed ? 'listed ' : ''}${notes.join(' ')}`,
    anchors: isListed ? [chain.root, chain.middle] : [chain.root],
    leaf: chain.leaf,
    chain: isListed ? [] : [chain.middle],
  };
}

const rsaSignings: readonly (readonly [string, OddSigning])[] = [
  ['MD5', rsaPkcs1('md5')],
  ['SHA-1', rsaPkcs1('sha1')],
  ['SHA-224', rsaPkcs1('sha224')],
  ['SHA-512', rsaPkcs1('sha512')],
  ['no NULL', rsaPkcs1('sha256', Buffer.alloc(0))],
  ['parameters', rsaPkcs1('sha256', sequence())],
  ['PSS SHA-1', rsaPss({ digest: 'sha1', salt: 20 })],
  ['PSS defaults', rsaPss({ digest: 'sha1', salt: 20, defaultsLeftOut: true })],
  ['PSS SHA-224', rsaPss({ digest: 'sha224', salt: 28 })],
  ['PSS SHA-256', rsaPss({ digest: 'sha256', salt: 32 })],
  ['PSS SHA-384', rsaPss({ digest: 'sha384', salt: 48 })],
  ['PSS SHA-512', rsaPss({ digest: 'sha512', salt: 64 })],
  ['PSS SHA-256, salt 20', rsaPss({ digest: 'sha256', salt: 20 })],
  ['PSS SHA-256, salt 64', rsaPss({ digest: 'sha256', salt: 64 })],
  ['PSS SHA-256, mask SHA-1', rsaPss({ digest: 'sha256', maskDigest: 'sha1', salt: 32 })],
  ['PSS SHA-256, trailer 1', rsaPss({ digest: 'sha256', salt: 32, trailer: 1 })],
  ['PSS SHA-256, trailer 2', rsaPss({ digest: 'sha256', salt: 32, trailer: 2 })],
  ['PSS SHA-256, no NULL', rsaPss({ digest: 'sha256', salt: 32, hashParameters: Buffer.alloc(0) })],
];
const ecSignings: readonly (readonly [string, OddSigning])[] = [
  ['SHA-1', ecdsa('sha1')],
  ['SHA-224', ecdsa('sha224')],
  ['SHA-384', ecdsa('sha384')],
  ['SHA-512', ecdsa('sha512')],
  ['NULL', ecdsa('sha256', nullValue())],
  ['parameters', ecdsa('sha256', sequence())],
];
const edSignings: readonly (readonly [string, OddSigning])[] = [
  ['plain', ed25519()],
  ['NULL', ed25519(nullValue())],
];

const mlDsaSignings: readonly (readonly [string, OddSigning])[] = [
  ['plain', mlDsa65()],
  ['NULL', mlDsa65(nullValue())],
];

/** Makes an unusual signature on the leaf or the intermediate, with a key of any type. */
function oddSignature(dice: Dice, trustDomain: string): Scene {
  const [name, key, signings] = dice.pick([
    ['RSA', keys.rsa, rsaSignings],
    ['RSA', keys.rsa, rsaSignings],
    ['P-224', keys.p224, ecSignings],
    ['P-256', keys.p256Compressed, ecSignings],
    ['P-521', keys.p521, ecSignings],
    ['Ed25519', keys.ed25519, edSignings],
    ['ML-DSA-65', keys.mlDsa65, mlDsaSignings],
  ] as const);
  const [what, signing] = dice.pick(signings);
  const place = dice.pick(['leaf', 'intermediate', 'listed intermediate'] as const);
  const ca = { extensions: [caConstraints, caUsage] } as const;
  const leaf = { extensions: leafExtensions(trustDomain) };
  const chain =
    place === 'leaf'
      ? makeChain({ root: ca, middle: { ...ca, key }, leaf: { ...leaf, signing } })
      : makeChain({ root: { ...ca, key }, middle: { ...ca, signing }, leaf });
  const isListed = place === 'listed intermediate';
  return {
    what: `${place}: ${name} ${what}`,
    anchors: isListed ? [chain.root, chain.middle] : [chain.root],
    leaf: chain.leaf,
    chain: isListed ? [] : [chain.middle],
  };
}

/** Lists a root and an intermediate, with dates or a namesake that may make the root unusable as the issuer. */
function oddListed(dice: Dice, trustDomain: string): Scene {
  const dates = {
    valid: {},
    expired: { notBefore: ago(48), notAfter: ago(1) },
    'not yet valid': { notBefore: ago(-1), notAfter: ago(-48) },
  } as const;
  const dateNames = Object.keys(dates) as (keyof typeof dates)[];
  const [rootDates, middleDates] = [
    dice.pick(dateNames),
    dice.pick(['valid', 'valid', dice.pick(dateNames)] as const),
  ];
  const ca = { extensions: [caConstraints, caUsage] } as const;
  const isSameName = dice.below(3) === 0;
  const chain = makeChain({
    root: { ...ca, ...dates[rootDates] },
    middle: { ...ca, ...dates[middleDates] },
    leaf: { extensions: leafExtensions(trustDomain) },
  });
  const namesake = makeOdd({ subject: rootName, key: keys.p384, ...dates[dice.pick(dateNames)] });
  return {
    what: `root ${rootDates}, intermediate ${middleDates}${isSameName ? ', another root of that name' : ''}`,
    anchors: [chain.root, chain.middle, ...(isSameName ? [namesake] : [])],
    leaf: chain.leaf,
    chain: dice.below(3) === 0 ? [chain.middle] : [],
  };
}

/** Encodings of a name that BoringSSL considers equal, or not, to the name with the text `Odd Name`. */
const nameEncodings: readonly (readonly [string, Buffer])[] = [
  ['UTF8String', utf8String('Odd Name')],
  ['PrintableString', printableString('Odd Name')],
  ['BMPString', tlv(0x1e, Buffer.from('Odd Name', 'utf16le').swap16())],
  ['TeletexString', tlv(0x14, Buffer.from('Odd Name'))],
  ['upper case', utf8String('ODD NAME')],
  ['other blanks', utf8String('\t Odd \n Name ')],
  ['no-break space', utf8String('Odd\u00a0Name')],
  ['NumericString', tlv(0x12, Buffer.from('Odd Name'))],
  ['GeneralString', tlv(0x1b, Buffer.from('Odd Name'))],
];

/** Writes one name in several encodings: in a root, a renewal of it with the same key, and what the root issued. */
function oddEncoding(dice: Dice, trustDomain: string): Scene {
  const pickName = (): readonly [string, Buffer] => {
    const [what, value] = dice.pick(nameEncodings);
    return [what, nameOf(value)];
  };
  const [[rootText, root], [renewedText, renewed], [issuerText, issuer], [selfText, self]] = [
    pickName(),
    pickName(),
    pickName(),
    pickName(),
  ];
  const extensions = [caConstraints, caUsage];
  const isRenewed = dice.below(2) === 0;
  const hasMiddle = dice.below(2) === 0;
  const isExpired = isRenewed && dice.below(2) === 0;
  const dates = isExpired ? { notBefore: ago(48), notAfter: ago(1) } : {};
  const first = makeOdd({ subject: root, issuer: isRenewed ? root : self, extensions, ...dates });
  const second = makeOdd({ subject: renewed, extensions, serial: integer(BigInt(dice.below(1000) + 1)) });
  const middle = makeOdd({
    issuer,
    subject: nameOf('Middle'),
    key: keys.other,
    issuerKey: keys.p256,
    extensions,
  });
  const leaf = makeOdd({
    issuer: hasMiddle ? nameOf('Middle') : issuer,
    subject: nameOf('leaf'),
    key: keys.p384,
    issuerKey: hasMiddle ? keys.other : keys.p256,
    extensions: leafExtensions(trustDomain),
  });
  const rootWords = isRenewed
    ? `root ${rootText}${isExpired ? ' expired' : ''}, renewed ${renewedText}`
    : `root ${rootText} by ${selfText}`;
  return {
    what: `${rootWords}, ${hasMiddle ? 'intermediate' : 'leaf'} by ${issuerText}`,
    anchors: [first, ...(isRenewed ? [second] : []), ...(hasMiddle ? [middle] : [])],
    leaf,
    chain: [],
  };
}
