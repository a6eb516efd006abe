import { formatDate } from '../findings/finding.ts';
import { formatTime } from '../../text/format-time.ts';
import { describeTime } from './describe-time.ts';
import { isDistrusted } from './distrusted.ts';
import { unknownOwner } from './facts.ts';
import type { AnsweredFacts, CaFacts, GateInput, ServedCa } from './facts.ts';
import { gate } from './gate-catalogue.ts';
import type { Gate } from './gate-catalogue.ts';
import { mayBeIssuedBy } from './issued-by.ts';
import { issuerGate } from './issuer-gate.ts';
import { isRotated } from './same-resource.ts';
import { switchTimeGate } from './switch-time.ts';

/**
 * Returns the gates of a step that removes a CA certificate, without the gates of the servers and proxies. `finish`
 * removes the old one. `abort` removes the new one, which no leaf needs before the switch. After `back`, it
 * waits for the leaves from between the switch and `back`.
 */
export function finishGates(input: GateInput & { readonly isAbort?: boolean }): readonly Gate[] {
  const { marks, servers, now, resource, isAbort = false } = input;
  const removed = isAbort ? marks.new : marks.old;
  const kept = isAbort ? marks.old : marks.new;
  const answered = servers.filter((server) => server.kind === 'answered');
  const known: readonly CaFacts[] = [...resource.listed, ...answered.flatMap(({ cas }) => cas)];
  const ca = known.find(({ fingerprint }) => fingerprint === removed);
  const name = isAbort ? 'new' : 'old';
  const refusal = whyRefused(`the ${name} CA`, ca, isDistrusted(removed, answered), now);
  const end = isAbort ? undefined : (earliestFinish(input) ?? Infinity);
  const gates = [
    refusal === undefined
      ? issuerGate(input, { name, fingerprint: removed }, end)
      : gate('R42', true, refusal),
    ...removalGates(input, answered, removed, kept),
  ];
  if (isAbort)
    return [
      ...gates.filter(({ id }) => id === 'R42' || id === 'R51' || id === 'R52'),
      newLeavesGate(input, refusal),
      gate(
        'R60',
        marks.switchedAt === undefined,
        marks.switchedAt === undefined
          ? 'the issuer has not been switched'
          : `the issuer was switched at ${formatTime(marks.switchedAt)}; switch it back first, then run: meshtrust rotate back`,
      ),
    ];
  return [
    oldListedGate(input),
    ...(refusal === undefined ? timeGates(input) : timeGatesOfRefused(refusal)),
    ...gates,
  ];
}

/**
 * Returns the gates that would refuse `finish` although all leaves of the old CA had expired: those about other
 * resources and certificates, and about the owner. They can open before the end, so they do not refuse the start.
 */
export function foreseenGates(input: GateInput): readonly Gate[] {
  const { marks, servers, resource } = input;
  const answered = servers.filter((server) => server.kind === 'answered');
  if (answered.length === 0) return [];
  return removalGates(input, answered, marks.old, marks.new).filter(
    ({ id, open }) =>
      !open && (id === 'R52' || id === 'R53' || (id === 'R54' && resource.ownedBy !== unknownOwner)),
  );
}

/** Returns the gate of a step that needs the old CA in the resource. */
export function oldListedGate({ resource, marks }: GateInput): Gate {
  const listed = resource.listed.some(({ fingerprint }) => fingerprint === marks.old);
  return gate(
    'R10',
    listed,
    listed
      ? `${resource.identity} lists the old CA`
      : `${resource.identity} does not list the old CA ${marks.old.slice(0, 16)}`,
  );
}

/** Returns why Envoy refuses all leaves of a CA; `undefined` if it does not. */
function whyRefused(
  name: string,
  ca: CaFacts | undefined,
  isDistrusted: boolean,
  now: number,
): string | undefined {
  if (isDistrusted) return `${name} is distrusted, so Envoy refuses its leaves`;
  if (ca === undefined || now < ca.notAfter) return undefined;
  return `${name} expired on ${formatDate(ca.notAfter)}, so Envoy refuses its leaves`;
}

/** Returns the gates about time if Envoy refuses all leaves of the old CA: they are open. */
function timeGatesOfRefused(detail: string): readonly Gate[] {
  return (['R40', 'R41', 'R43', 'R44'] as const).map((id) => gate(id, true, detail));
}

/**
 * Returns the time from which on no leaf of the old CA can be valid, in epoch milliseconds; `undefined` if it is
 * unknown.
 */
export function earliestFinish({ marks, options }: Pick<GateInput, 'marks' | 'options'>): number | undefined {
  const { switchedAt, leafTtlMs } = marks;
  return switchedAt === undefined || leafTtlMs === undefined
    ? undefined
    : switchedAt + leafTtlMs + options.clockSkewMs;
}

/**
 * Returns the time from which on no leaf of the new CA can be valid after `back`, in epoch milliseconds; `undefined` if
 * it is unknown, or if `back` did not run.
 */
export function earliestAbort({ marks, options }: Pick<GateInput, 'marks' | 'options'>): number | undefined {
  const { backAt, leafTtlMs } = marks;
  return typeof backAt !== 'number' || leafTtlMs === undefined
    ? undefined
    : backAt + leafTtlMs + options.clockSkewMs;
}

/** Returns the gate of `abort` about the leaves that the new CA issued before `back`. */
function newLeavesGate(input: GateInput, refusal: string | undefined): Gate {
  const { marks, now } = input;
  const { backAt } = marks;
  if (backAt === undefined) return gate('R61', true, 'the issuer has not been switched back');
  if (refusal !== undefined) return gate('R61', true, refusal);
  const end = earliestAbort(input);
  if (end === undefined || backAt === 'unknown')
    return gate(
      'R61',
      false,
      'leaves of the new CA may be valid: the time of back or the longest lifetime of a leaf is unknown; give both with meshtrust rotate back --leaf-ttl',
    );
  return now < end
    ? gate(
        'R61',
        false,
        `a leaf that the new CA issued before ${formatTime(backAt)} may be valid for ${describeTime(end - now)}, until ${formatTime(end)}`,
      )
    : gate('R61', true, `every leaf that the new CA issued has expired by ${formatTime(end)}`);
}

function timeGates(input: GateInput): readonly Gate[] {
  const { marks, now } = input;
  const { switchedAt, leafTtlMs } = marks;
  const end = earliestFinish(input);
  const left = end === undefined ? undefined : end - now;
  return [
    gate(
      'R40',
      switchedAt !== undefined,
      switchedAt === undefined
        ? 'the time of the switch is unknown: switch the issuer, then run: meshtrust rotate switched'
        : `the issuer was switched at ${formatTime(switchedAt)}`,
    ),
    gate(
      'R41',
      left !== undefined && left <= 0,
      left === undefined
        ? 'leaves of the old CA may be valid: the time of the switch or the lifetime of a leaf is unknown'
        : left > 0
          ? `a leaf that was issued before the switch may be valid for ${describeTime(left)}`
          : `every leaf that was issued before the switch has expired by ${formatTime(end ?? 0)}`,
    ),
    gate(
      'R43',
      leafTtlMs !== undefined,
      leafTtlMs === undefined
        ? 'the longest lifetime of a leaf is unknown: give it with meshtrust rotate switched --leaf-ttl'
        : `a leaf is valid for at most ${describeTime(leafTtlMs)}`,
    ),
    switchTimeGate(input, switchedAt),
  ];
}

function removalGates(
  { resource, now }: GateInput,
  answered: readonly AnsweredFacts[],
  removed: string,
  kept: string,
): readonly Gate[] {
  const owned = gate(
    'R54',
    resource.ownedBy === undefined,
    resource.ownedBy === undefined
      ? 'no other control plane owns the resource'
      : resource.ownedBy === unknownOwner
        ? 'unknown: no server says whether Kuma owns the resource; give the file, or update the servers'
        : 'Kuma owns the resource (status.origin.kri), and would list the CA again',
  );
  if (answered.length === 0)
    return [
      ...(['R50', 'R51', 'R52', 'R53'] as const).map((id) => gate(id, false, 'unknown: no server answered')),
      owned,
    ];
  const held = answered.filter((server) => server.held).map(({ server }) => server);
  const isValid = (ca: CaFacts): boolean => ca.notBefore <= now && now < ca.notAfter;
  const isListed = resource.listed.some(({ fingerprint }) => fingerprint === kept);
  const without = answered.find(({ cas }) => !cas.some((ca) => ca.fingerprint === kept && isValid(ca)));
  const cas = answered.flatMap((server) => server.cas);
  const isOwn = isRotated(resource.identity, answered);
  const others = new Set(
    cas
      .filter(({ fingerprint }) => fingerprint === removed)
      .flatMap(({ resources }) => resources.filter((name) => !isOwn(name))),
  );
  const below = intermediateBelow(cas, removed);
  return [
    gate(
      'R50',
      held.length === 0,
      held.length === 0
        ? 'the mass-loss guard holds nothing of the trust domain'
        : `the mass-loss guard of ${held.join(', ')} holds the trust domain`,
    ),
    gate(
      'R51',
      isListed && without === undefined,
      !isListed
        ? `${resource.identity} does not list the other CA: the trust domain might have none left`
        : without === undefined
          ? 'the other CA stays, and is valid now'
          : `${without.server} does not serve the other CA, or it is not valid now: the trust domain might have none left`,
    ),
    gate(
      'R52',
      below === undefined,
      below === undefined
        ? 'no listed intermediate needs the CA'
        : `the intermediate ${below.ca.subject} ${below.isSure ? 'would' : 'may'} become a trust anchor, so that leaves below it would stay accepted${below.isSure ? '' : ': another CA may have issued it, too; if so, pass R52 by force'}`,
    ),
    gate(
      'R53',
      others.size === 0,
      others.size === 0
        ? isDistrusted(removed, answered)
          ? 'the CA is distrusted, so no resource that lists it makes it trusted'
          : `only ${resource.identity} lists the CA`
        : `${[...others].sort().join(', ')} lists the CA as well, so it would stay trusted`,
    ),
    owned,
  ];
}

/**
 * Returns a served intermediate of this CA. It is not sure if its server does not say who signed it, and another served
 * CA has the name of its issuer, or if another served CA has signed it as well.
 */
function intermediateBelow(
  cas: readonly ServedCa[],
  fingerprint: string,
): { readonly ca: ServedCa; readonly isSure: boolean } | undefined {
  const removed = cas.find((ca) => ca.fingerprint === fingerprint);
  if (removed === undefined) return undefined;
  const below = cas.find((ca) => ca.asListed && mayBeIssuedBy(ca, removed));
  const others = cas.filter((ca) => ca.fingerprint !== fingerprint);
  return below && { ca: below, isSure: !others.some((other) => mayBeIssuedBy(below, other)) };
}
