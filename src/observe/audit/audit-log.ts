import type { ServedAnchor } from '../../trust/bundle/trust-bundle.ts';
import type { MeshStates } from '../../trust/snapshot/mesh-builder.ts';
import { counted } from '../../text/counted.ts';
import type { Loss } from '../../fleet/follow-losses.ts';
import type { Rollout } from '../../fleet/rollout.ts';
import type { Logger } from '../log/log.ts';
import { plainText } from '../../text/plain-text.ts';
import type { ForcedRotation } from '../../runtime/forced-steps.ts';
import type { StateEvent } from '../../runtime/state-view.ts';
import { trustChanges } from './trust-change.ts';
import type { TrustChange } from './trust-change.ts';

/**
 * Writes the audit record of trust: one line for each change of a trust domain, without omissions, and one for each
 * command of a rotation that passed gates by force.
 */
export interface AuditLog {
  readonly state: (event: StateEvent) => void;
  /** All connected proxies of a mesh have the served version; the server gave up waiting for `gaveUp` lost proxies. */
  readonly converged: (rollout: Rollout, gaveUp: number) => void;
  /** A roll-out lost proxies, or gave up waiting for lost proxies. The lines name each that is kept by name. */
  readonly lost: (loss: Loss) => void;
}

export interface AuditLogOptions {
  readonly log: Logger;
  /** Returns the number of connected proxies of a mesh. */
  readonly proxies: (mesh: string) => number;
}

/** The most anchors in one line; the others follow in further lines of the same change. */
export const anchorsInLine = 100;
const subjectLength = 200;
/** The most lost proxies in one line; the others follow in further lines. */
export const proxiesInLine = 100;
/** The longest node id in a line, in characters. */
const nodeLength = 200;

/** Creates the audit log, independent of the level of the rest of the log. Its first lines list the initial trust. */
export function createAuditLog({ log: parent, proxies }: AuditLogOptions): AuditLog {
  // A higher log level must not suppress the record.
  const log = parent.child({ audit: true }, { level: 'info' });
  let meshes: MeshStates | undefined;

  function served({ states, since }: Extract<StateEvent, { kind: 'served' }>): void {
    const before = meshes;
    meshes = states;
    for (const [mesh, state] of states) {
      const earlier = before?.get(mesh);
      if (earlier === state) continue;
      const { version, denyAll } = state.secrets;
      const common = {
        event: 'trust-changed',
        mesh,
        version,
        denyAll,
        proxies: proxies(mesh),
        causedAt: new Date(since).toISOString(),
      };
      for (const change of trustChanges(earlier, state)) {
        const kind = before === undefined ? 'listed' : change.kind;
        const message = describe(mesh, kind, change);
        for (const fields of linesOf(change))
          log.info({ ...common, trustDomain: change.trustDomain, change: kind, ...fields }, message);
      }
    }
  }

  function forced({ resource, step }: ForcedRotation): void {
    const { mesh, trustDomain, identity, rotation } = resource;
    const { at, command, gates } = step;
    log.warn(
      {
        event: 'rotation-forced',
        mesh,
        trustDomain,
        resource: identity,
        command,
        gates,
        ranAt: new Date(at).toISOString(),
        ...(rotation && { old: rotation.old, new: rotation.new }),
      },
      `mesh ${mesh}: rotation of trust domain ${trustDomain}: ${command} passed ${gates.join(', ')} by force`,
    );
  }

  return {
    state: (event) => {
      if (event.kind === 'served') served(event);
      // The resources of a CA that is removed later. Before the first line, nothing is served.
      if (event.kind === 'updated' && meshes !== undefined) meshes = event.states;
      if (event.kind === 'forced') for (const rotation of event.rotations) forced(rotation);
    },
    lost: (loss) => {
      for (const [fields, message] of lossLines(loss)) log.warn(fields, message);
    },
    converged({ mesh, current, connected, convergedAt = current.servedAt }, gaveUp) {
      const seconds = Math.max(0, convergedAt - current.since) / 1000;
      log.info(
        {
          event: 'trust-converged',
          mesh,
          version: current.version,
          proxies: connected,
          ...(gaveUp > 0 ? { lost: gaveUp } : {}),
          seconds,
          causedAt: new Date(current.since).toISOString(),
        },
        gaveUp > 0
          ? `mesh ${mesh}: version ${current.version}: ${counted(connected, 'proxy')} in sync after ${seconds} s, gave up waiting for ${counted(gaveUp, 'lost proxy')}`
          : `mesh ${mesh}: ${inSync(connected)} version ${current.version}${connected === 0 ? '' : ` after ${seconds} s`}`,
      );
    },
  };
}

/** Yields one line for each 100 proxies, or one with the number of those that are not kept by name. */
function* lossLines({
  mesh,
  kind,
  proxies,
  unlisted,
}: Loss): Iterable<readonly [Record<string, unknown>, string]> {
  const event = kind === 'lost' ? 'proxy-lost' : 'proxy-lost-expired';
  if (unlisted > 0) {
    const [lost, are] = [`${counted(unlisted, 'lost proxy')} of any mesh`, unlisted === 1 ? 'is' : 'are'];
    const what =
      kind === 'lost'
        ? `${lost} ${are} not kept by name`
        : `the server no longer waits for ${lost} that ${are} not kept by name`;
    const message = `mesh ${mesh}: ${what}: it is unknown whether the served version arrived`;
    yield [{ event, mesh, proxies: [], unlisted }, message];
  }
  for (let start = 0; start < proxies.length; start += proxiesInLine) {
    const some = proxies.slice(start, start + proxiesInLine).map(({ record, version }) => ({
      node: plainText(record.node, nodeLength),
      address: record.address,
      ...(version === undefined ? {} : { version }),
      lostAt: new Date(record.goneAt).toISOString(),
      ending: record.ending,
    }));
    const [first] = some;
    const name = first?.node === '' ? first.address : first?.node;
    const who =
      some.length === 1 ? `proxy ${name}` : `${name} and ${counted(some.length - 1, 'other proxy')}`;
    const [is, has] = some.length === 1 ? ['is', 'its connection'] : ['are', 'their connections'];
    const what =
      kind === 'lost'
        ? `${is} lost: ${has} ended before the served version was acknowledged`
        : `${is} still lost, the server no longer waits: it is unknown whether the served version arrived`;
    yield [{ event, mesh, proxies: some }, `mesh ${mesh}: ${who} ${what}`];
  }
}

function inSync(connected: number): string {
  if (connected === 0) return 'no proxy is connected to receive';
  return `${connected} of ${counted(connected, 'proxy')} in sync with`;
}

function describe(
  mesh: string,
  kind: string,
  { trustDomain, added, removed, reformed }: TrustChange,
): string {
  const counts = [
    [added.length, 'added'],
    [removed.length, 'removed'],
    [reformed.length, 'sent in another form'],
  ] as const;
  const what = counts
    .filter(([count]) => count > 0)
    .map(([count, how]) => `${counted(count, 'CA')} ${how}`)
    .join(', ');
  return `mesh ${mesh}: trust domain ${trustDomain} ${kind}${what === '' ? '' : `: ${what}`}`;
}

type Part = 'added' | 'removed' | 'reformed' | 'leftOut';

/** Yields the lists of a change, split into lines. A line omits empty lists. */
function* linesOf(change: TrustChange): Iterable<Readonly<Record<string, unknown>>> {
  const entries = (['added', 'removed', 'reformed', 'leftOut'] as const).flatMap((part) =>
    change[part].map((anchor) => ({ part, entry: entryOf(anchor) })),
  );
  const parts = Math.max(1, Math.ceil(entries.length / anchorsInLine));
  for (let part = 1; part <= parts; part += 1) {
    const some = entries.slice((part - 1) * anchorsInLine, part * anchorsInLine);
    const lists = new Map<Part, unknown[]>();
    for (const { part: list, entry } of some) lists.set(list, [...(lists.get(list) ?? []), entry]);
    yield { ...Object.fromEntries(lists), ...(parts > 1 ? { part, parts } : {}) };
  }
}

/** Returns what identifies a CA, and the resources that list it (or listed it, if it was removed). */
function entryOf({ certificate, rooting, listedBy }: ServedAnchor): Readonly<Record<string, unknown>> {
  const { fingerprint, subject, notAfter } = certificate;
  return {
    fingerprint,
    subject: plainText(subject, subjectLength),
    notAfter: new Date(notAfter).toISOString(),
    resources: listedBy,
    ...(rooting === 'as-listed' ? {} : { rooting }),
  };
}
