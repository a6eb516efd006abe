import type { ServedAnchor } from '../../trust/bundle/trust-bundle.ts';
import type { MeshStates } from '../../trust/snapshot/mesh-builder.ts';
import { counted } from '../log/describe-change.ts';
import type { Loss } from '../../fleet/follow-losses.ts';
import type { Rollout } from '../../fleet/rollout.ts';
import type { Logger } from '../log/log.ts';
import { plainText } from '../../text/plain-text.ts';
import type { StateEvent } from '../../runtime/state-view.ts';
import { trustChanges } from './trust-change.ts';
import type { TrustChange } from './trust-change.ts';

/** Keeps the record of what was trusted when: one line for each change of a trust domain, none left out. */
export interface AuditLog {
  readonly state: (event: StateEvent) => void;
  /** All connected proxies of a mesh have what was served last; `gaveUp` lost ones are not waited for any more. */
  readonly converged: (rollout: Rollout, gaveUp: number) => void;
  /** A roll-out has lost proxies, or gives lost ones up: each is named. */
  readonly lost: (loss: Loss) => void;
}

export interface AuditLogOptions {
  readonly log: Logger;
  /** How many proxies of a mesh are connected. */
  readonly proxies: (mesh: string) => number;
}

/** Anchors in one line; more of them follow in further lines of the same change. */
export const anchorsInLine = 100;
const subjectLength = 200;
/** Lost proxies in one line; more of them follow in further lines. */
export const proxiesInLine = 100;
/** Characters of a node id. */
const nodeLength = 200;

/** Makes the record, whatever level the rest of the log has. What is served at the start is its first entry. */
export function createAuditLog({ log: parent, proxies }: AuditLogOptions): AuditLog {
  // Who logs less would otherwise lose the record with it.
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

  return {
    state: (event) => {
      if (event.kind === 'served') served(event);
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
          ? `mesh ${mesh}: version ${current.version}: ${connected} in sync after ${seconds} s, ${gaveUp} lost`
          : `mesh ${mesh}: ${everybody(connected)} version ${current.version}${connected === 0 ? '' : ` after ${seconds} s`}`,
      );
    },
  };
}

/** One line for up to 100 proxies. */
function* lossLines({ mesh, kind, proxies }: Loss): Iterable<readonly [Record<string, unknown>, string]> {
  const event = kind === 'lost' ? 'proxy-lost' : 'proxy-lost-expired';
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
        : `${is} still lost and no longer waited for: whether the served version arrived is not known`;
    yield [{ event, mesh, proxies: some }, `mesh ${mesh}: ${who} ${what}`];
  }
}

function everybody(connected: number): string {
  if (connected === 0) return 'no proxy is connected that would lack';
  return connected === 1 ? 'the one proxy has' : `all ${counted(connected, 'proxy')} have`;
}

function describe(
  mesh: string,
  kind: string,
  { trustDomain, added, removed, reformed }: TrustChange,
): string {
  const counts = [
    [added.length, 'in'],
    [removed.length, 'out'],
    [reformed.length, 'in another form'],
  ] as const;
  const what = counts
    .filter(([count]) => count > 0)
    .map(([count, how]) => `${counted(count, 'authority')} ${how}`)
    .join(', ');
  return `mesh ${mesh}: trust domain ${trustDomain} ${kind}${what === '' ? '' : `, ${what}`}`;
}

type Part = 'added' | 'removed' | 'reformed' | 'leftOut';

/** The lists of a change, cut into lines; a line has only what is not empty. */
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

/** What identifies an authority, and who lists it (or listed it, where it was taken out). */
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
