import type { AnchorDetail } from '../../api/api-types.ts';
import { counted } from '../../text/counted.ts';
import { anchorOf } from '../offline/diff-meshes.ts';
import type { AnchorChange, MeshDifference } from '../offline/diff-meshes.ts';
import { renderTable } from '../terminal/output.ts';
import type { Column, TableStyle, Tone } from '../terminal/output.ts';

/** A difference; `proxies`, for a running server, is the number of connected proxies that subscribe to a change. */
export type ReportedDifference = MeshDifference & { readonly proxies?: number | undefined };

/** One line of the table. A trust domain or a mesh without changed CA certificates has one line. */
interface Row {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly change: AnchorChange['kind'] | MeshDifference['kind'];
  readonly anchor: AnchorChange | undefined;
}

/** Renders a table with a line for each CA certificate that differs; empty if none does. */
export function renderDifferences(meshes: readonly MeshDifference[], style: TableStyle): string {
  const rows = meshes.flatMap(rowsOf);
  return rows.length === 0 ? '' : renderTable(columns, rows, style);
}

function rowsOf({ kind, mesh, trustDomains }: MeshDifference): readonly Row[] {
  const rows = trustDomains.flatMap(({ name, kind: change, anchors }): readonly Row[] => {
    if (anchors.length === 0) return [{ mesh, trustDomain: name, change, anchor: undefined }];
    return anchors.map((anchor) => ({ mesh, trustDomain: name, change: anchor.kind, anchor }));
  });
  return rows.length > 0 ? rows : [{ mesh, trustDomain: '', change: kind, anchor: undefined }];
}

const tones: Readonly<Record<Row['change'], Tone>> = {
  added: 'good',
  removed: 'bad',
  changed: 'warning',
  renewed: 'warning',
  're-rooted': 'warning',
};

const columns: readonly Column<Row>[] = [
  { title: 'MESH', value: ({ mesh }) => mesh },
  { title: 'TRUST DOMAIN', value: ({ trustDomain }) => trustDomain },
  { title: 'CHANGE', value: ({ change }) => change, tone: ({ change }) => tones[change] },
  { title: 'FINGERPRINT', value: ({ anchor }) => shown(anchor, (at) => at.fingerprint.slice(0, 16)) },
  {
    title: 'UNTIL',
    value: ({ anchor }) => shown(anchor, ({ notAfter }) => notAfter.slice(0, 10)),
  },
  { title: 'SUBJECT', value: ({ anchor }) => shown(anchor, ({ subject }) => subject) },
  { title: 'ROOTING', value: ({ anchor }) => shown(anchor, ({ rooting }) => rooting), wide: true },
  { title: 'WAS', value: ({ anchor }) => shownBefore(anchor), wide: true },
  {
    title: 'RESOURCES',
    value: ({ anchor }) => shown(anchor, ({ resources }) => resources.join(', ')),
    wide: true,
  },
];

function shown(change: AnchorChange | undefined, value: (anchor: AnchorDetail) => string): string {
  return change === undefined ? '' : value(anchorOf(change));
}

/** Returns the previous fingerprint of a renewed certificate, or the previous form of a re-rooted one. */
function shownBefore(change: AnchorChange | undefined): string {
  switch (change?.kind) {
    case 'renewed':
      return change.before.fingerprint.slice(0, 16);
    case 're-rooted':
      return change.before.rooting;
    case 'added':
    case 'removed':
    case undefined:
      return '';
  }
}

const changeNames = {
  added: 'added',
  removed: 'removed',
  renewed: 'renewed',
  're-rooted': 'served in another form',
} as const satisfies Record<AnchorChange['kind'], string>;

/** Returns one line that sums up the changes of a mesh and the number of proxies that they affect. */
export function describeDifference({
  mesh,
  trustDomains,
  denyAll,
  proxies,
  secrets,
}: ReportedDifference): string {
  const changes = Map.groupBy(
    trustDomains.flatMap(({ anchors }) => anchors),
    ({ kind }) => kind,
  );
  const parts = [...changes].map(
    ([kind, some]) => `${counted(some.length, 'CA certificate')} ${changeNames[kind]}`,
  );
  const what = parts.length > 0 ? parts.join(', ') : `${counted(secrets.length, 'secret')} changed`;
  const deny = denyAll ? '; its proxies would refuse every client' : '';
  const reach = proxies === undefined ? '' : `; would be sent to ${counted(proxies, 'connected proxy')}`;
  return `mesh ${mesh}: ${what}${deny}${reach}`;
}
