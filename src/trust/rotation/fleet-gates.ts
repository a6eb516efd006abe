import { counted } from '../../text/counted.ts';
import { consumerGate } from './consumer-gate.ts';
import { distrusts } from './distrusted.ts';
import type { AnsweredFacts, GateInput } from './facts.ts';
import { gate } from './gate-catalogue.ts';
import type { Gate, RotationStep } from './gate-catalogue.ts';
import { describeTime } from './describe-time.ts';

/** Maximum number of proxies that a detail names. */
const maxNamed = 5;

/**
 * Returns the gates about proxies and about consumers of the bundle. For `switch` and `finish`, all of them must have
 * both CA certificates, or a version without a distrusted old one. For `settle`, all proxies must have a version
 * without the old one. If no server answered, every gate is closed.
 */
export function fleetGates(step: RotationStep, input: GateInput): readonly Gate[] {
  const answered = input.servers.filter((server) => server.kind === 'answered');
  if (answered.length === 0) {
    const ids = step === 'settle' ? settling : all;
    return ids.map((id) => gate(id, false, 'unknown: no server answered'));
  }
  const gates = [behind(step, answered, input), refused(answered), incomplete(answered)];
  if (step === 'settle') return gates;
  const isOver = answered.some(({ overLimit }) => overLimit);
  return [
    ...gates,
    gate(
      'R18',
      !isOver,
      isOver
        ? "the names of this zone's CA certificates do not fit into a TLS handshake, so some are not served"
        : "the names of this zone's CA certificates fit into a TLS handshake",
    ),
    tooFew(answered, input),
    disconnected(answered, input),
    unauthenticated(answered),
    consumerGate(answered, input.options),
  ];
}

/** The gates of `settle`. */
const settling = ['R20', 'R21', 'R22'] as const;
/** The gates of `switch` and `finish`. */
const all = ['R18', ...settling, 'R23', 'R24', 'R25', 'R30'] as const;

function behind(step: RotationStep, answered: readonly AnsweredFacts[], { marks }: GateInput): Gate {
  for (const facts of answered) {
    const { server, cas } = facts;
    const serves = (fingerprint: string): boolean => cas.some((ca) => ca.fingerprint === fingerprint);
    // No proxy is meant to have a distrusted CA: the version without it counts.
    const hasOld = serves(marks.old) || distrusts(facts, marks.old);
    if (step === 'settle') {
      if (serves(marks.old)) return gate('R20', false, `${server} still serves the old CA`);
    } else if (!hasOld || !serves(marks.new)) {
      const missing = hasOld ? 'new' : serves(marks.new) ? 'old' : 'old and the new';
      return gate('R20', false, `${server} does not serve the ${missing} CA`);
    }
  }
  const connected = sum(answered, ({ proxies }) => proxies.connected);
  const acked = sum(answered, ({ proxies }) => proxies.acked);
  const lost = sum(answered, ({ proxies }) => proxies.lost);
  const version = answered[0]?.served?.version.slice(0, 12) ?? '';
  const lagging = answered.flatMap(({ proxies }) => proxies.lagging);
  const isOpen = acked === connected && lost === 0;
  const detail = `${acked} of ${connected} connected proxies have version ${version} or a later one`;
  if (isOpen) return gate('R20', true, detail);
  const away = lost === 0 ? '' : `, and ${lost} lost or reconnecting`;
  return gate('R20', false, `${detail}${away}: waiting for ${named(lagging)}`);
}

function refused(answered: readonly AnsweredFacts[]): Gate {
  const count = sum(answered, ({ proxies }) => proxies.refused);
  const detail =
    count === 0 ? 'no proxy refused the version' : `${counted(count, 'proxy')} refused the version`;
  return gate('R21', count === 0, detail);
}

function incomplete(answered: readonly AnsweredFacts[]): Gate {
  const silent = answered.filter(({ proxies }) => !proxies.complete).map(({ server }) => server);
  const forgotten = sum(answered, ({ proxies }) => proxies.forgotten);
  if (silent.length > 0)
    return gate('R22', false, `a worker of ${silent.join(', ')} does not answer, so its proxies are unknown`);
  return gate(
    'R22',
    forgotten === 0,
    forgotten === 0
      ? 'all proxies are known'
      : `${counted(forgotten, 'lost proxy')} cannot be named: the server keeps only the number`,
  );
}

function tooFew(answered: readonly AnsweredFacts[], { options }: GateInput): Gate {
  const connected = sum(answered, ({ proxies }) => proxies.connected);
  const detail = `${counted(connected, 'proxy')} connected, at least ${options.proxies} expected`;
  return gate('R23', connected >= options.proxies, detail);
}

/**
 * Returns the gate about proxies that left: each of them still uses the CA certificates that it had. A server knows
 * only the proxies that left since it started.
 */
function disconnected(answered: readonly AnsweredFacts[], { options, now }: GateInput): Gate {
  const { disconnectWindowMs } = options;
  if (disconnectWindowMs === 0) return gate('R24', true, 'proxies that left are not considered');
  const since = now - disconnectWindowMs;
  const window = describeTime(disconnectWindowMs);
  const young = answered.find(({ startedAt }) => startedAt === undefined || startedAt > since);
  if (young !== undefined) {
    const age = young.startedAt === undefined ? 'an unknown time' : describeTime(now - young.startedAt);
    return gate(
      'R24',
      false,
      `${young.server} has run for ${age}, so it does not know all proxies that left in the last ${window}`,
    );
  }
  const left = answered
    .flatMap(({ gone }) => gone)
    .filter(({ goneAt, hasServed }) => !hasServed && goneAt > since);
  const silent = answered.find(({ unlisted }) => unlisted === undefined);
  if (silent !== undefined)
    return gate(
      'R24',
      false,
      `unknown: ${silent.server} does not say whether proxies left that it no longer lists`,
    );
  const unlisted = sum(answered, (one) =>
    one.unlisted !== undefined && one.unlisted.lastAt > since ? one.unlisted.count : 0,
  );
  if (left.length + unlisted === 0)
    return gate('R24', true, `no proxy left in the last ${window} without the version`);
  const when = `left in the last ${window}, perhaps without the version`;
  const known =
    left.length === 0
      ? ''
      : `${counted(left.length, 'proxy')} ${when}: ${named(left.map(({ node }) => node))}`;
  if (unlisted === 0) return gate('R24', false, known);
  const lost = 'that the server no longer lists';
  return gate(
    'R24',
    false,
    known === ''
      ? `up to ${counted(unlisted, 'proxy')} ${lost} ${when}`
      : `${known}; and up to ${unlisted.toLocaleString('en')} more ${lost}`,
  );
}

/**
 * Returns the gate about who acknowledges: an authenticated client must not be able to acknowledge for another proxy.
 */
function unauthenticated(answered: readonly AnsweredFacts[]): Gate {
  const reachable = answered.flatMap(({ server, authentication }) =>
    authentication?.beyondHost === true ? [{ server, ...authentication }] : [],
  );
  const open = reachable.find(({ methods }) => methods.length === 0 || methods.includes('none'));
  if (open !== undefined)
    return gate(
      'R25',
      false,
      `${open.server} accepts proxies of other hosts without authentication, so anyone can acknowledge in the name of a proxy`,
    );
  const loose = reachable.find(({ limitsNodes }) => limitsNodes === false);
  if (loose !== undefined)
    return gate(
      'R25',
      false,
      `${loose.server} lets an authenticated client use any node id of the mesh, so it can acknowledge in the name of another proxy: give each rule of --xds-access with this mesh a node`,
    );
  const silent = answered.find(({ authentication }) => authentication === undefined);
  if (silent !== undefined)
    return gate('R25', false, `unknown: ${silent.server} does not say how proxies authenticate`);
  const unsure = reachable.find(({ limitsNodes }) => limitsNodes === undefined);
  if (unsure !== undefined)
    return gate('R25', false, `unknown: ${unsure.server} does not say whether its rules limit node ids`);
  return gate(
    'R25',
    true,
    'proxies authenticate, and rules limit their node ids; or they are on the same host',
  );
}

function named(names: readonly string[]): string {
  if (names.length === 0) return 'proxies that the server does not name';
  const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : '';
  return `${names.slice(0, maxNamed).join(', ')}${more}`;
}

function sum(answered: readonly AnsweredFacts[], of: (server: AnsweredFacts) => number): number {
  return answered.reduce((total, server) => total + of(server), 0);
}
