import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { foreseenGates } from '../../../src/trust/rotation/finish-gates.ts';
import { gatesOf } from '../../../src/trust/rotation/gates.ts';
import { gateCatalogue } from '../../../src/trust/rotation/gate-catalogue.ts';
import type { GateId, RotationStep } from '../../../src/trust/rotation/gate-catalogue.ts';
import { unknownOwner, usualGateOptions } from '../../../src/trust/rotation/facts.ts';
import type {
  AnsweredFacts,
  AuthenticationFacts,
  GateInput,
  PublicationFacts,
  RotatingResource,
  ServerFacts,
} from '../../../src/trust/rotation/facts.ts';
import {
  before,
  ca,
  consumer,
  drained,
  hour,
  newHash,
  now,
  oldHash,
  publication,
  server,
  servedCa,
  usableCa,
} from './facts.ts';

/** The gates of a step that are shut. */
const shut = (step: RotationStep, input: GateInput): readonly string[] =>
  gatesOf(step, input)
    .filter(({ open }) => !open)
    .map(({ id }) => id);
const introduced = (more: Partial<GateInput> = {}): GateInput => drained(more, { switchedAt: undefined });
const resource = (more: Partial<RotatingResource>): Pick<GateInput, 'resource'> => ({
  resource: { ...drained().resource, ...more },
});
const usable = (
  more: Partial<typeof usableCa & object>,
  facts: Parameters<typeof ca>[1] = {},
): Pick<GateInput, 'newCa'> => ({
  newCa: { ...usableCa, ...more, ca: ca('b', facts) } as GateInput['newCa'],
});
const proxies = (
  more: Partial<ReturnType<typeof server>['proxies']>,
): { readonly servers: readonly ServerFacts[] } => ({
  servers: [server({ proxies: { ...server().proxies, ...more } })],
});
const seenAt = (hash: string, at: number): Pick<GateInput, 'observation'> => ({
  observation: { lastSeen: new Map([[hash, at]]) },
});
const unreachable: ServerFacts = { kind: 'unreachable', server: 'two', reason: 'no answer' };
const settled = (more: Partial<GateInput> = {}): GateInput =>
  drained({ ...resource({ listed: [ca('b')] }), servers: [server({ cas: [servedCa('b')] })], ...more });

const listedBy = (digit: string, ...resources: readonly string[]): ReturnType<typeof servedCa> =>
  servedCa(digit, { resources });

/** Servers that know a rotation from the CA a to these, one each. */
const rotatingTo = (...digits: readonly string[]): readonly ServerFacts[] =>
  digits.map((digit) =>
    server({ rotations: [{ resource: 'default//zone', old: oldHash, new: digit.repeat(64) }] }),
  );
/** Gives the rotations of a server another reading. */
const withReading =
  (reading: string) =>
  (facts: ServerFacts): ServerFacts =>
    facts.kind === 'answered'
      ? { ...facts, rotations: facts.rotations.map((one) => ({ ...one, reading })) }
      : facts;
/** Servers that publish these bundles, one each. */
const published = (...bundles: readonly Partial<PublicationFacts>[]): Pick<GateInput, 'servers'> => ({
  servers: (bundles.length === 0 ? [{}] : bundles).map((bundle) =>
    server({ publication: publication(bundle) }),
  ),
});
/** A server whose proxies authenticate so. By default, they have certificates, and rules limit their node ids. */
const authenticating = (
  more: Partial<AuthenticationFacts>,
): { readonly servers: readonly ServerFacts[] } => ({
  servers: [server({ authentication: { methods: ['mtls'], beyondHost: true, limitsNodes: true, ...more } })],
});
/** A server of two CAs of one name, and of an intermediate `c` of that name or below it. */
const sameName = (
  issuedBy: readonly string[] | undefined,
  more: Parameters<typeof servedCa>[1] = {},
): ReturnType<typeof server> =>
  server({
    cas: [
      servedCa('a', { subject: 'CN=x' }),
      servedCa('b', { subject: 'CN=x' }),
      servedCa('c', { issuer: 'CN=x', issuedBy, ...more }),
    ],
  });
const consumerWindow = (consumerWindowMs: number): Pick<GateInput, 'options'> => ({
  options: { ...usualGateOptions, consumerWindowMs },
});

/** For each gate and step: an input that shuts it and only it, and one that is just on the other side. */
const table: readonly (readonly [
  id: GateId,
  step: RotationStep,
  what: string,
  isShut: GateInput,
  isOpen: GateInput,
])[] = [
  [
    'R01',
    'start',
    'a server does not answer',
    before({ servers: [...before().servers, unreachable] }),
    before(),
  ],
  [
    'R01',
    'switch',
    'a server does not answer',
    introduced({ servers: [server(), unreachable] }),
    introduced(),
  ],
  ['R01', 'finish', 'a server does not answer', drained({ servers: [server(), unreachable] }), drained()],
  [
    'R02',
    'start',
    'a server is not ready',
    before({ servers: [server({ cas: [servedCa('a')], notReady: 'x' })] }),
    before(),
  ],
  [
    'R02',
    'switch',
    'a server is not ready',
    introduced({ servers: [server({ notReady: 'x' })] }),
    introduced(),
  ],
  ['R02', 'finish', 'a server is not ready', drained({ servers: [server({ notReady: 'x' })] }), drained()],
  [
    'R03',
    'finish',
    'replicas serve different versions',
    drained({
      servers: [server(), server({ server: 'two', served: { version: 'v3', since: now - 50 * hour } })],
    }),
    drained({ servers: [server(), server({ server: 'two' })] }),
  ],
  [
    'R03',
    'finish',
    'replicas have read different rotations of the resource',
    drained({ servers: rotatingTo('c', 'b') }),
    drained({ servers: rotatingTo('b', 'b') }),
  ],
  [
    'R03',
    'finish',
    'replicas have read different times of the switch',
    drained({ servers: [...rotatingTo('b'), ...rotatingTo('b').map(withReading('2'))] }),
    drained({ servers: rotatingTo('b', 'b').map(withReading('2')) }),
  ],
  [
    'R03',
    'switch',
    'a replica has not read the rotation of the resource',
    introduced({ servers: [...rotatingTo('b'), server()] }),
    introduced({ servers: [server(), server()] }),
  ],
  ['R10', 'start', 'the old CA is not listed', before(resource({ listed: [ca('c')] })), before()],
  ['R10', 'start', 'the old CA is not served', before({ servers: [server({ cas: [] })] }), before()],
  ['R11', 'start', 'the new CA is listed', before(resource({ listed: [ca('a'), ca('b')] })), before()],
  ['R11', 'start', 'the new CA is served', before({ servers: [server()] }), before()],
  [
    'R12',
    'start',
    'the new CA has the key of the old one',
    before(usable({}, { keyHash: oldHash })),
    before(),
  ],
  [
    'R13',
    'start',
    'the new CA cannot be served',
    before({ newCa: { kind: 'refused', reason: 'not a CA' } }),
    before(),
  ],
  [
    'R14',
    'start',
    'the new CA is not valid yet',
    before(usable({}, { notBefore: now + 1 })),
    before(usable({}, { notBefore: now })),
  ],
  [
    'R13',
    'switch',
    'the resource does not list the new CA',
    introduced(resource({ listed: [ca('a')] })),
    introduced(),
  ],
  [
    'R13',
    'switch',
    'the new CA has expired',
    introduced(resource({ listed: [ca('a'), ca('b', { notAfter: now })] })),
    introduced(resource({ listed: [ca('a'), ca('b', { notAfter: now + 1 })] })),
  ],
  [
    'R14',
    'switch',
    'the new CA is not valid yet',
    introduced(resource({ listed: [ca('a'), ca('b', { notBefore: now + 1 })] })),
    introduced(resource({ listed: [ca('a'), ca('b', { notBefore: now })] })),
  ],
  [
    'R15',
    'start',
    'the new CA ends before the old one',
    before(usable({}, { notAfter: ca('a').notAfter - 1 })),
    before(usable({}, { notAfter: ca('a').notAfter })),
  ],
  [
    'R16',
    'start',
    'the issuer of the new CA is not listed',
    before(usable({ selfSigned: false }, { issuer: 'CN=c' })),
    before({
      ...usable({ selfSigned: false }, { issuer: 'CN=c' }),
      ...resource({ listed: [ca('a'), ca('c')] }),
    }),
  ],
  [
    'R16',
    'start',
    'only the old CA may be the issuer of the new one',
    before(usable({ selfSigned: false }, { issuer: 'CN=a' })),
    before({
      ...usable({ selfSigned: false }, { issuer: 'CN=a' }),
      ...resource({ listed: [ca('a'), ca('c', { subject: 'CN=a' })] }),
    }),
  ],
  [
    'R17',
    'start',
    'another resource of the trust domain has a rotation',
    before({
      servers: [
        server({ cas: [servedCa('a')], rotations: [{ resource: 'default//x', old: 'c', new: 'd' }] }),
      ],
    }),
    before(),
  ],
  ['R17', 'start', 'the resource has a rotation', before({ before: drained().marks }), before()],
  ['R18', 'start', 'the names do not fit', before(usable({ names: 'too-long' })), before()],
  [
    'R18',
    'start',
    'the names do not fit, even without those of others',
    before(usable({ names: 'too-long' })),
    before(usable({ names: 'displace-others' })),
  ],
  [
    'R18',
    'switch',
    'the names do not fit',
    introduced({ servers: [server({ overLimit: true })] }),
    introduced(),
  ],
  ['R20', 'switch', 'a proxy is behind', introduced(proxies({ acked: 2 })), introduced()],
  ['R20', 'switch', 'a proxy is lost', introduced(proxies({ lost: 1 })), introduced()],
  [
    'R20',
    'switch',
    'the new CA is not served yet',
    introduced({ servers: [server({ cas: [servedCa('a')] })] }),
    introduced(),
  ],
  ['R20', 'finish', 'a proxy is behind', drained(proxies({ acked: 2 })), drained()],
  [
    'R20',
    'settle',
    'a proxy is behind',
    settled({ servers: [server({ cas: [servedCa('b')], proxies: { ...server().proxies, acked: 2 } })] }),
    settled(),
  ],
  ['R20', 'settle', 'the old CA is still served', settled({ servers: [server()] }), settled()],
  ['R21', 'switch', 'a proxy refused the version', introduced(proxies({ refused: 1 })), introduced()],
  ['R21', 'finish', 'a proxy refused the version', drained(proxies({ refused: 1 })), drained()],
  ['R22', 'switch', 'a worker does not answer', introduced(proxies({ complete: false })), introduced()],
  ['R22', 'finish', 'lost proxies are forgotten', drained(proxies({ forgotten: 1 })), drained()],
  [
    'R23',
    'finish',
    'too few proxies',
    drained({ options: { ...drained().options, proxies: 4 } }),
    drained({ options: { ...drained().options, proxies: 3 } }),
  ],
  [
    'R24',
    'finish',
    'a proxy left without the version',
    drained({ servers: [server({ gone: [{ node: 'x', goneAt: now - hour + 1, hasServed: false }] })] }),
    drained({
      servers: [
        server({
          gone: [
            { node: 'x', goneAt: now - hour, hasServed: false },
            { node: 'y', goneAt: now, hasServed: true },
          ],
        }),
      ],
    }),
  ],
  [
    'R24',
    'finish',
    'a proxy left without the version that the server no longer lists',
    drained({ servers: [server({ unlisted: { count: 1, lastAt: now - hour + 1 } })] }),
    drained({ servers: [server({ unlisted: { count: 1, lastAt: now - hour } })] }),
  ],
  [
    'R24',
    'switch',
    'a server does not say whether it lists all proxies that left',
    introduced({ servers: [server(), server({ server: 'two', unlisted: undefined })] }),
    introduced({ servers: [server(), server({ server: 'two' })] }),
  ],
  [
    'R24',
    'switch',
    'the server does not know which proxies left',
    introduced({ servers: [server({ startedAt: now - hour + 1 })] }),
    introduced({ servers: [server({ startedAt: now - hour })] }),
  ],
  [
    'R24',
    'switch',
    'the server does not say since when it runs',
    introduced({ servers: [server({ startedAt: undefined })] }),
    introduced({
      servers: [server({ startedAt: undefined })],
      options: { ...drained().options, disconnectWindowMs: 0 },
    }),
  ],
  [
    'R25',
    'switch',
    'anyone can acknowledge',
    introduced(authenticating({ methods: ['none'] })),
    introduced(authenticating({ methods: ['none'], beyondHost: false, limitsNodes: false })),
  ],
  [
    'R25',
    'finish',
    'anyone can acknowledge, besides proxies with a certificate',
    drained(authenticating({ methods: ['mtls', 'none'] })),
    drained(authenticating({})),
  ],
  [
    'R25',
    'switch',
    'a client with a certificate can acknowledge for every proxy',
    introduced(authenticating({ limitsNodes: false })),
    introduced(authenticating({})),
  ],
  [
    'R25',
    'finish',
    'a client with a token can acknowledge for every proxy at one of two servers',
    drained({
      servers: [server(), ...authenticating({ methods: ['token'], limitsNodes: false }).servers],
    }),
    drained({ servers: [server(), ...authenticating({ methods: ['token'] }).servers] }),
  ],
  [
    'R25',
    'finish',
    'the server does not say whether rules limit node ids',
    drained(authenticating({ limitsNodes: undefined })),
    drained(authenticating({ limitsNodes: undefined, beyondHost: false })),
  ],
  [
    'R25',
    'finish',
    'the server does not say how proxies authenticate',
    drained({ servers: [server({ authentication: undefined })] }),
    drained(authenticating({})),
  ],
  [
    'R30',
    'finish',
    'a consumer has another bundle',
    drained(published({ consumers: [consumer({ state: 'behind' })] })),
    drained(published({ consumers: [consumer()] })),
  ],
  [
    'R30',
    'finish',
    'the bundle was sent to a consumer, which has not confirmed it',
    drained(published({ consumers: [consumer({ state: 'sent' })] })),
    drained(published({ consumers: [consumer()] })),
  ],
  [
    'R30',
    'switch',
    'it is unknown which bundle a consumer has',
    introduced(published({ consumers: [consumer({ state: 'unknown' })] })),
    introduced(published()),
  ],
  [
    'R30',
    'switch',
    'a server does not say what consumers have confirmed',
    introduced({ servers: [server({ publication: 'unknown' })] }),
    introduced(published()),
  ],
  [
    'R30',
    'switch',
    'a server has not published the served CA certificates yet',
    introduced({ servers: [server({ publication: 'withheld' })] }),
    introduced(published()),
  ],
  [
    'R30',
    'switch',
    'the bundle changed less than three refresh hints ago',
    introduced(published({ unchangedMs: hour / 4 - 1 })),
    introduced(published({ unchangedMs: hour / 4 })),
  ],
  [
    'R30',
    'switch',
    'the bundle changed less than three refresh hints ago, with the longest hint',
    introduced(published({ hintMs: 24 * hour, unchangedMs: 72 * hour - 1 })),
    introduced(published({ hintMs: 24 * hour, unchangedMs: 72 * hour })),
  ],
  [
    'R30',
    'switch',
    'the bundle changed less than three intervals of the slowest consumer ago',
    introduced(published({ unchangedMs: 3 * hour - 1, consumers: [consumer({ pollMs: hour })] })),
    introduced(published({ unchangedMs: 3 * hour, consumers: [consumer({ pollMs: hour })] })),
  ],
  [
    'R30',
    'switch',
    'the bundle changed less than --consumer-window ago',
    introduced({ ...published({ unchangedMs: 999 }), ...consumerWindow(1000) }),
    introduced({ ...published({ unchangedMs: 1000 }), ...consumerWindow(1000) }),
  ],
  [
    'R30',
    'switch',
    'a replica published the bundle later',
    introduced(published({}, { unchangedMs: hour / 4 - 1 })),
    introduced(published({}, { unchangedMs: hour / 4 })),
  ],
  [
    'R30',
    'switch',
    'replicas publish different bundles',
    introduced(published({}, { etag: '"2"' })),
    introduced(published({}, {})),
  ],
  [
    'R30',
    'switch',
    'a consumer fetched an earlier bundle from one replica, after the current one from another',
    introduced(
      published(
        { consumers: [consumer({ ageMs: 90_000 })] },
        { consumers: [consumer({ state: 'behind', ageMs: 30_000 })] },
      ),
    ),
    introduced(
      published(
        { consumers: [consumer({ ageMs: 30_000 })] },
        { consumers: [consumer({ state: 'behind', ageMs: 90_000 })] },
      ),
    ),
  ],
  [
    'R30',
    'switch',
    'a consumer fetched from two replicas, and it is unknown from which one last',
    introduced(
      published(
        { consumers: [consumer({ ageMs: 30_000 })] },
        { consumers: [consumer({ state: 'behind', ageMs: 31_000 })] },
      ),
    ),
    introduced(
      published({ consumers: [consumer({ ageMs: 30_000 })] }, { consumers: [consumer({ ageMs: 31_000 })] }),
    ),
  ],
  [
    'R30',
    'switch',
    'a consumer that only one replica knows has another bundle',
    introduced(
      published({ consumers: [consumer()] }, { consumers: [consumer({ name: 'y', state: 'sent' })] }),
    ),
    introduced(published({ consumers: [consumer()] }, { consumers: [consumer({ name: 'y' })] })),
  ],
  [
    'R41',
    'finish',
    'a leaf may be valid',
    drained({}, { switchedAt: now - 24 * hour - 300_000 + 1 }),
    drained({}, { switchedAt: now - 24 * hour - 300_000 }),
  ],
  [
    'R42',
    'finish',
    'the old issuer was seen a moment ago',
    drained(seenAt(oldHash, now - hour + 1)),
    drained(),
  ],
  [
    'R42',
    'finish',
    'the old issuer was seen after the end of all leaves',
    drained(seenAt(oldHash, now - 2 * hour)),
    drained(seenAt(oldHash, now - 6 * hour)),
  ],
  [
    'R42',
    'finish',
    'an intermediate below the old CA was seen',
    drained({
      ...seenAt('c'.repeat(64), now),
      servers: [
        server({ cas: [servedCa('a'), servedCa('b'), servedCa('c', { issuer: 'CN=a', asListed: false })] }),
      ],
    }),
    drained(seenAt('c'.repeat(64), now)),
  ],
  [
    'R42',
    'finish',
    'an intermediate was seen that the old CA signed, and both CAs have one name',
    drained({
      ...seenAt('c'.repeat(64), now),
      servers: [sameName([oldHash], { asListed: false })],
    }),
    drained({
      ...seenAt('c'.repeat(64), now),
      servers: [sameName([newHash], { asListed: false })],
    }),
  ],
  [
    'R42',
    'finish',
    'an intermediate was seen whose issuer is not known, and both CAs have one name',
    drained({
      ...seenAt('c'.repeat(64), now),
      servers: [sameName(undefined, { asListed: false })],
    }),
    drained({ servers: [sameName(undefined, { asListed: false })] }),
  ],
  [
    'R42',
    'finish',
    'an intermediate of an intermediate that the old CA signed was seen',
    ...(([[oldHash], [newHash]] as const).map((issuedBy) => {
      const { cas } = sameName(issuedBy, { asListed: false });
      const lower = servedCa('d', { issuer: 'CN=c', issuedBy: ['c'.repeat(64)], asListed: false });
      return drained({ ...seenAt('d'.repeat(64), now), servers: [server({ cas: [lower, ...cas] })] });
    }) as [GateInput, GateInput]),
  ],
  [
    'R42',
    'abort',
    'the new issuer was seen',
    introduced(seenAt(newHash, now - 1)),
    introduced(seenAt(oldHash, now)),
  ],
  [
    'R44',
    'finish',
    'the time of the switch is before the new CA is valid',
    drained(resource({ listed: [ca('a'), ca('b', { notBefore: now - 30 * hour + 1 })] })),
    drained(resource({ listed: [ca('a'), ca('b', { notBefore: now - 30 * hour })] })),
  ],
  [
    'R44',
    'finish',
    'the time of the switch is before the start',
    drained({}, { startedAt: now - 30 * hour + 1 }),
    drained({}, { startedAt: now - 30 * hour }),
  ],
  [
    'R44',
    'finish',
    'the time of the switch is before the time of back',
    drained({}, { backAt: now - 30 * hour + 1 }),
    drained({}, { backAt: now - 30 * hour }),
  ],
  ['R44', 'finish', 'the time of the start cannot be read', drained({}, { startedAt: 'unknown' }), drained()],
  [
    'R50',
    'finish',
    'the guard holds the trust domain',
    drained({ servers: [server({ held: true })] }),
    drained(),
  ],
  [
    'R51',
    'finish',
    'the new CA has expired',
    drained({ servers: [server({ cas: [servedCa('a'), servedCa('b', { notAfter: now })] })] }),
    drained({ servers: [server({ cas: [servedCa('a'), servedCa('b', { notAfter: now + 1 })] })] }),
  ],
  [
    'R51',
    'finish',
    'the new CA is not valid yet',
    drained({ servers: [server({ cas: [servedCa('a'), servedCa('b', { notBefore: now + 1 })] })] }),
    drained({ servers: [server({ cas: [servedCa('a'), servedCa('b', { notBefore: now })] })] }),
  ],
  [
    'R51',
    'finish',
    'the resource does not list the new CA',
    drained(resource({ listed: [ca('a')] })),
    drained(),
  ],
  [
    'R51',
    'abort',
    'the old CA is not served',
    introduced({ servers: [server({ cas: [servedCa('b')] })] }),
    introduced(),
  ],
  [
    'R52',
    'finish',
    'an intermediate below the old CA is listed',
    drained({
      servers: [server({ cas: [servedCa('a'), servedCa('b'), servedCa('c', { issuer: 'CN=a' })] })],
    }),
    drained({
      servers: [
        server({ cas: [servedCa('a'), servedCa('b'), servedCa('c', { issuer: 'CN=a', asListed: false })] }),
      ],
    }),
  ],
  [
    'R52',
    'finish',
    'an intermediate may be below the old CA, because both CAs have one name',
    drained({
      servers: [
        server({
          cas: [
            servedCa('a', { subject: 'CN=x' }),
            servedCa('b', { subject: 'CN=x' }),
            servedCa('c', { issuer: 'CN=x' }),
          ],
        }),
      ],
    }),
    drained({
      servers: [server({ cas: [servedCa('a', { subject: 'CN=x' }), servedCa('b', { subject: 'CN=x' })] })],
    }),
  ],
  [
    'R52',
    'finish',
    'the old CA signed an intermediate, and both CAs have one name',
    drained({ servers: [sameName([oldHash])] }),
    drained({ servers: [sameName([newHash])] }),
  ],
  [
    'R52',
    'finish',
    'the old CA signed an intermediate of its own name',
    drained({ servers: [sameName([oldHash], { subject: 'CN=x' })] }),
    drained({ servers: [sameName([newHash], { subject: 'CN=x' })] }),
  ],
  [
    'R52',
    'finish',
    'an intermediate may be below the old CA, and the new CA is a root of the same name',
    drained({ servers: [sameName(undefined)] }),
    drained({
      servers: [
        server({
          cas: ['a', 'b'].map((digit) => servedCa(digit, { subject: 'CN=x', issuer: 'CN=x' })),
        }),
      ],
    }),
  ],
  [
    'R52',
    'finish',
    'both CAs signed an intermediate',
    drained({ servers: [sameName([newHash, oldHash])] }),
    drained({ servers: [sameName([])] }),
  ],
  [
    'R52',
    'finish',
    'one of two servers does not say who signed an intermediate',
    drained({ servers: [sameName([newHash]), sameName(undefined)] }),
    drained({ servers: [sameName([newHash]), sameName([newHash])] }),
  ],
  [
    'R52',
    'abort',
    'an intermediate below the new CA is listed',
    introduced({
      servers: [server({ cas: [servedCa('a'), servedCa('b'), servedCa('c', { issuer: 'CN=b' })] })],
    }),
    introduced({
      servers: [server({ cas: [servedCa('a'), servedCa('b'), servedCa('c', { issuer: 'CN=a' })] })],
    }),
  ],
  [
    'R53',
    'finish',
    'another resource lists the old CA',
    drained({
      servers: [
        server({ cas: [servedCa('a', { resources: ['default//zone', 'default//x'] }), servedCa('b')] }),
      ],
    }),
    drained({ servers: [server({ cas: [servedCa('a'), servedCa('b', { resources: ['default//x'] })] })] }),
  ],
  [
    'R53',
    'finish',
    'the file has no namespace, and the resources of two namespaces have its name',
    drained({
      servers: [
        server({ cas: [listedBy('a', 'default/x/zone', 'default/y/zone'), listedBy('b', 'default/x/zone')] }),
      ],
    }),
    drained({
      servers: [server({ cas: [listedBy('a', 'default/x/zone'), listedBy('b', 'default/x/zone')] })],
    }),
  ],
  [
    'R53',
    'finish',
    'the file has no namespace, and a resource of a namespace lists the old CA beside its own',
    drained({
      servers: [server({ cas: [listedBy('a', 'default//zone', 'default/x/zone'), servedCa('b')] })],
    }),
    drained(),
  ],
  [
    'R53',
    'finish',
    'a resource of another mesh or name lists the old CA',
    drained({ servers: [server({ cas: [listedBy('a', 'other/x/zone', 'default/x/zon'), servedCa('b')] })] }),
    drained(),
  ],
  [
    'R53',
    'finish',
    'the object has another namespace',
    drained({
      ...resource({ identity: 'default/x/zone' }),
      servers: [server({ cas: [listedBy('a', 'default/y/zone'), listedBy('b', 'default/x/zone')] })],
    }),
    drained({
      ...resource({ identity: 'default/x/zone' }),
      servers: [server({ cas: [listedBy('a', 'default/x/zone'), listedBy('b', 'default/x/zone')] })],
    }),
  ],
  ['R54', 'finish', 'the owner is unknown', drained(resource({ ownedBy: unknownOwner })), drained()],
  ['R54', 'finish', 'Kuma owns the resource', drained(resource({ ownedBy: 'kri_mid_default' })), drained()],
  ['R60', 'abort', 'the issuer was switched', drained(), introduced()],
  [
    'R61',
    'abort',
    'a leaf of the new CA may be valid',
    drained({}, { switchedAt: undefined, backAt: now - 24 * hour - 300_000 + 1 }),
    drained({}, { switchedAt: undefined, backAt: now - 24 * hour - 300_000 }),
  ],
  [
    'R61',
    'abort',
    'the longest lifetime of a leaf is unknown',
    drained({}, { switchedAt: undefined, backAt: now - 24 * hour - 300_000, leafTtlMs: undefined }),
    introduced(),
  ],
  [
    'R61',
    'abort',
    'the time of back cannot be read, and the new CA is valid',
    drained({}, { switchedAt: undefined, backAt: 'unknown' }),
    drained(resource({ listed: [ca('a'), ca('b', { notAfter: now })] }), {
      switchedAt: undefined,
      backAt: 'unknown',
    }),
  ],
];

suite('gates of a rotation', () => {
  for (const [id, step, what, isShut, isOpen] of table)
    test(`${step}: ${what} → only ${id} is shut; otherwise it is open`, () => {
      assert.deepEqual(shut(step, isShut), [id]);
      assert.deepEqual(shut(step, isOpen), []);
    });

  test('no time of the switch → R40 and R41 are shut', () =>
    assert.deepEqual(shut('finish', introduced()), ['R40', 'R41']));

  test('no lifetime of a leaf → R41 and R43 are shut', () =>
    assert.deepEqual(shut('finish', drained({}, { leafTtlMs: undefined })), ['R41', 'R43']));

  test('the old CA has expired → no time must pass, whatever was seen', () => {
    const expired = {
      ...resource({ listed: [ca('a', { notAfter: now }), ca('b')] }),
      ...seenAt(oldHash, now),
    };
    assert.deepEqual(shut('finish', drained(expired, { switchedAt: undefined, leafTtlMs: undefined })), []);
  });

  /** Servers that do not serve the CA, because it is distrusted. */
  const distrusting = (hash: string, ...more: readonly Partial<AnsweredFacts>[]): Partial<GateInput> => ({
    servers: [{}, ...more].map((facts) =>
      server({ cas: [servedCa(hash === oldHash ? 'b' : 'a')], distrusted: [hash], ...facts }),
    ),
    ...seenAt(hash, now),
  });
  const unswitched = { switchedAt: undefined, leafTtlMs: undefined };

  test('the old CA is distrusted → the switch and the finish do not wait for it, nor for its leaves', () => {
    assert.deepEqual(shut('switch', drained(distrusting(oldHash), unswitched)), []);
    assert.deepEqual(shut('finish', drained(distrusting(oldHash), unswitched)), []);
    // Proxies that have not acknowledged the version without it still count.
    const behind = { proxies: { ...server().proxies, acked: 2 } };
    assert.deepEqual(shut('finish', drained(distrusting(oldHash, behind), unswitched)), ['R20']);
  });

  test('the old CA is distrusted before the start → R10 says that no rotation is needed', () => {
    const input = before({ servers: [server({ cas: [], distrusted: [oldHash] })] });
    assert.deepEqual(shut('start', input), ['R10']);
    assert.match(
      gatesOf('start', input).find(({ id }) => id === 'R10')?.detail ?? '',
      /^one distrusts the old CA a{16}: list the new one and remove the old one, without a rotation$/,
    );
  });

  test('one of two servers distrusts the old CA → its leaves count, as long as the other one serves it', () =>
    assert.deepEqual(
      shut(
        'finish',
        drained(distrusting(oldHash, { cas: server().cas, distrusted: [] }), { leafTtlMs: undefined }),
      ),
      ['R41', 'R42', 'R43'],
    ));

  test('the old CA is not served, and no server says that it is distrusted → R20 is shut', () => {
    for (const distrusted of [undefined, [], [newHash]])
      assert.deepEqual(shut('finish', drained(distrusting(oldHash, { distrusted }), {})), ['R20', 'R42']);
  });

  test('the new CA is distrusted → it can be removed at once, and the issuer cannot be switched to it', () => {
    const back = { ...unswitched, backAt: now };
    assert.deepEqual(shut('abort', drained(distrusting(newHash), back)), []);
    assert.deepEqual(shut('switch', drained(distrusting(newHash), unswitched)), ['R20']);
    assert.deepEqual(shut('finish', drained(distrusting(newHash))), ['R20', 'R51']);
  });

  test('gates that would refuse the finish → are foreseen, unless they open by waiting or are unknown', () => {
    const foreseen = (more: Partial<GateInput>): readonly string[] =>
      foreseenGates(before(more)).map(({ id }) => id);
    assert.deepEqual(foreseen({}), []);
    assert.deepEqual(foreseen(resource({ ownedBy: 'Kuma' })), ['R54']);
    assert.deepEqual(foreseen(resource({ ownedBy: unknownOwner })), []);
    const copied = server({ cas: [listedBy('a', 'default//zone', 'default//copy')] });
    assert.deepEqual(foreseen({ servers: [copied] }), ['R53']);
    const below = servedCa('c', { issuer: 'CN=a', issuedBy: [oldHash] });
    assert.deepEqual(foreseen({ servers: [server({ cas: [servedCa('a'), below], held: true })] }), ['R52']);
    assert.deepEqual(foreseen({ servers: [unreachable] }), []);
  });

  test('the old CA is not in the resource any more → R10 is shut', () =>
    assert.deepEqual(shut('finish', drained(resource({ listed: [ca('b')] }))), ['R10']));

  test('no server was asked → every gate about servers and proxies is shut', () => {
    for (const [step, input] of [
      ['start', before({ servers: [] })],
      ['switch', introduced({ servers: [] })],
      ['finish', drained({ servers: [] })],
      ['abort', introduced({ servers: [] })],
      ['settle', settled({ servers: [] })],
    ] as const) {
      const found = shut(step, input);
      assert.ok(
        ['R01', 'R02', 'R03'].every((id) => found.includes(id)),
        step,
      );
      if (step === 'switch' || step === 'finish')
        assert.ok(
          ['R20', 'R21', 'R22', 'R23', 'R24', 'R25', 'R30'].every((id) => found.includes(id)),
          step,
        );
    }
  });

  test('Kuma owns the resource, and no server answers → R54 is shut as well', () => {
    const owned = { ...resource({ ownedBy: 'kri_mid_default' }), servers: [] };
    assert.ok(shut('finish', drained(owned)).includes('R54'));
    assert.ok(!shut('finish', drained({ servers: [] })).includes('R54'));
  });

  test('each gate of the catalogue: has a row, or a test above or of a command', () => {
    const covered = new Set<string>([...table.map(([id]) => id), 'R40', 'R43', 'R45', 'R55']);
    assert.deepEqual(
      Object.keys(gateCatalogue).filter((id) => !covered.has(id)),
      [],
    );
  });

  test('details → one line each, with at most 300 characters', () => {
    for (const [, step, , isShut, isOpen] of table)
      for (const { detail } of [...gatesOf(step, isShut), ...gatesOf(step, isOpen)])
        assert.match(detail, /^[^\n]{1,300}$/);
  });
});
