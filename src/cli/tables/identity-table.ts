import type { IdentityCertificate, IdentityDetail } from '../../api/identity-api-types.ts';
import { renderTable } from '../terminal/output.ts';
import type { Column, TableStyle, Tone } from '../terminal/output.ts';

/** A MeshIdentity, and the server that listed it. */
export interface ListedIdentity extends IdentityDetail {
  readonly server: string;
}

/** One line of the table: a CA certificate of a MeshIdentity, or a MeshIdentity without one. */
interface Row {
  readonly identity: ListedIdentity;
  readonly trustDomain: string;
  readonly certificate: IdentityCertificate | undefined;
  /** For a CA certificate that the MeshIdentity no longer has. */
  readonly until: string;
}

/** Renders a table with a line for each CA certificate of each MeshIdentity. */
export function renderIdentities(
  identities: readonly ListedIdentity[],
  { servers, ...style }: TableStyle & { readonly servers: number },
): string {
  const rows = identities.flatMap(rowsOf);
  return rows.length === 0 ? '' : renderTable(columnsOf(servers), rows, style);
}

function rowsOf(identity: ListedIdentity): readonly Row[] {
  const current = identity.trustDomains.flatMap(({ name, certificates }) =>
    certificates.map((certificate): Row => ({ identity, trustDomain: name, certificate, until: '' })),
  );
  const superseded = identity.superseded.map((certificate): Row => ({
    identity,
    trustDomain: certificate.trustDomain,
    certificate,
    until: certificate.until ?? 'forever',
  }));
  const all = [...current, ...superseded];
  return all.length > 0 ? all : [{ identity, trustDomain: '', certificate: undefined, until: '' }];
}

const tones: Readonly<Record<IdentityDetail['state'], Tone | undefined>> = {
  trust: 'good',
  none: undefined,
  keep: 'bad',
  invalid: 'bad',
  gone: 'warning',
};

const columnsOf = (servers: number): readonly Column<Row>[] => [
  { title: 'MESH', value: ({ identity }) => identity.mesh },
  {
    title: 'IDENTITY',
    value: ({ identity: { namespace, name } }) => (namespace === '' ? name : `${namespace}/${name}`),
  },
  {
    title: 'STATE',
    value: ({ identity }) => identity.state,
    tone: ({ identity }) => tones[identity.state],
  },
  { title: 'TRUST DOMAIN', value: ({ trustDomain }) => trustDomain },
  { title: 'CA', value: ({ certificate }) => certificate?.subject ?? '' },
  { title: 'FINGERPRINT', value: ({ certificate }) => certificate?.fingerprint.slice(0, 16) ?? '' },
  {
    title: 'SUPERSEDED, UNTIL',
    value: ({ until }) => until,
    tone: ({ until }) => (until === '' ? undefined : 'warning'),
  },
  ...(servers > 1 ? [{ title: 'SERVER', value: ({ identity }: Row) => identity.server }] : []),
  { title: 'FROM', wide: true, value: ({ identity }) => identity.path },
  { title: 'KRI', wide: true, value: ({ identity }) => identity.kri ?? '' },
];
