import { formatDate } from '../findings/finding.ts';
import { isDistrusted } from './distrusted.ts';
import type { AnsweredFacts, CaFacts, GateInput } from './facts.ts';
import { gate } from './gate-catalogue.ts';
import type { Gate } from './gate-catalogue.ts';

/** Returns the gates of the step that adds the new CA, besides those of the servers. */
export function startGates({ resource, marks, newCa, before, servers, now }: GateInput): readonly Gate[] {
  const answered = servers.filter((server) => server.kind === 'answered');
  const old = resource.listed.find(({ fingerprint }) => fingerprint === marks.old);
  const unserved = answered.filter(({ cas }) => !cas.some(({ fingerprint }) => fingerprint === marks.old));
  const known: readonly CaFacts[] = [...resource.listed, ...answered.flatMap(({ cas }) => cas)];
  const [other] = answered.flatMap(({ rotations }) => rotations.map(({ resource: name }) => name));
  const busy = before === undefined ? other : resource.identity;
  return [
    gate(
      'R10',
      old !== undefined && unserved.length === 0,
      old === undefined
        ? `${resource.identity} does not list the old CA ${short(marks.old)}`
        : unserved.length > 0
          ? describeUnserved(unserved, marks.old)
          : `${resource.identity} lists the old CA ${old.subject}`,
    ),
    gate(
      'R17',
      busy === undefined,
      busy === undefined
        ? 'no other rotation of the trust domain is in progress'
        : `${busy} has the annotations of a rotation; end it first, with: meshtrust rotate finish --clean, or abort`,
    ),
    ...newGates(newCa, { old, oldHash: marks.old, known, now }),
  ];
}

/** Describes servers that do not serve the old CA. One that is distrusted needs no rotation: its leaves are refused. */
function describeUnserved(unserved: readonly AnsweredFacts[], old: string): string {
  const names = unserved.map(({ server }) => server).join(', ');
  return isDistrusted(old, unserved)
    ? `${names} distrusts the old CA ${short(old)}: list the new one and remove the old one, without a rotation`
    : `${names} does not serve the old CA ${short(old)}`;
}

interface Known {
  /** The old CA, if the resource lists it. */
  readonly old: CaFacts | undefined;
  readonly oldHash: string;
  /** The CA certificates that the resource lists, or that servers serve. */
  readonly known: readonly CaFacts[];
  readonly now: number;
}

const nameDetails = {
  fit: 'the names of all CA certificates fit into a TLS handshake',
  'displace-others':
    'the name of the new CA fits into a TLS handshake, but those of other zones or peers then leave the secret of all trust domains: proxies that use it refuse their clients',
  'too-long': 'with the new CA, the names of the CA certificates no longer fit into a TLS handshake',
} as const;

function newGates(newCa: GateInput['newCa'], { old, oldHash, known, now }: Known): readonly Gate[] {
  if (newCa === undefined) return [gate('R13', false, 'the new CA is not given')];
  if (newCa.kind === 'refused') return [gate('R13', false, `the new CA cannot be served: ${newCa.reason}`)];
  const { ca, selfSigned, names } = newCa;
  const listed = known.some(({ fingerprint }) => fingerprint === ca.fingerprint);
  const sameKey = known.find((one) => one.keyHash === ca.keyHash && one.fingerprint !== ca.fingerprint);
  const issuers = selfSigned ? [] : known.filter(({ subject }) => subject === ca.issuer);
  // The end of the rotation removes the old CA, and an intermediate without its issuer is no longer served as listed.
  const hasIssuer = selfSigned || issuers.some(({ fingerprint }) => fingerprint !== oldHash);
  return [
    gate(
      'R11',
      !listed,
      listed ? `the new CA ${ca.subject} is listed already` : 'the new CA is not listed yet',
    ),
    gate(
      'R12',
      sameKey === undefined,
      sameKey === undefined
        ? 'no listed CA has the key of the new CA'
        : `the new CA has the key of ${sameKey.subject}: this is a renewal, not a rotation; replace the certificate`,
    ),
    gate('R13', true, `the new CA ${ca.subject} can be served`),
    validityGate(ca, now),
    gate(
      'R15',
      old === undefined || ca.notAfter >= old.notAfter,
      old === undefined || ca.notAfter >= old.notAfter
        ? `the new CA expires on ${formatDate(ca.notAfter)}`
        : `the new CA expires on ${formatDate(ca.notAfter)}, before the old one (${formatDate(old.notAfter)})`,
    ),
    gate(
      'R16',
      hasIssuer,
      hasIssuer
        ? 'the new CA needs no other certificate'
        : issuers.length === 0
          ? `the new CA is an intermediate, and its issuer ${ca.issuer} is not listed`
          : `the new CA is an intermediate, and only the old CA has the name of its issuer, ${ca.issuer}: finish would remove its issuer`,
    ),
    gate('R18', names !== 'too-long', nameDetails[names]),
  ];
}

/** Returns the gates about the new CA before the issuer signs with it. */
export function newCaGates({ resource, marks, now }: GateInput): readonly Gate[] {
  const ca = resource.listed.find(({ fingerprint }) => fingerprint === marks.new);
  const isUsable = ca !== undefined && now < ca.notAfter;
  return [
    gate(
      'R13',
      isUsable,
      ca === undefined
        ? `${resource.identity} does not list the new CA ${short(marks.new)}`
        : isUsable
          ? `${resource.identity} lists the new CA ${ca.subject}`
          : `the new CA expired on ${formatDate(ca.notAfter)}`,
    ),
    validityGate(ca, now),
  ];
}

/** Returns the gate about the beginning of the validity of the new CA. One that is not listed is not judged. */
function validityGate(ca: CaFacts | undefined, now: number): Gate {
  if (ca === undefined) return gate('R14', true, 'the new CA is not listed');
  return gate(
    'R14',
    ca.notBefore <= now,
    ca.notBefore <= now
      ? `the new CA is valid since ${formatDate(ca.notBefore)}`
      : `the new CA is not valid before ${new Date(ca.notBefore).toISOString()}`,
  );
}

/** Returns the part of a fingerprint that identifies it for people. */
function short(fingerprint: string): string {
  return fingerprint.slice(0, 16);
}
