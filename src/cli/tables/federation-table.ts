import type { FederationRelationship } from '../../api/federation-api-types.ts';
import { renderTable } from '../terminal/output.ts';
import type { Column, TableStyle, Tone } from '../terminal/output.ts';

/** A relationship, and the server that fetches its bundle. */
export interface ListedRelationship extends FederationRelationship {
  readonly server: string;
}

/** Renders a table with a line for each relationship of each server. */
export function renderFederation(
  relationships: readonly ListedRelationship[],
  { servers, ...style }: TableStyle & { readonly servers: number },
): string {
  return relationships.length === 0 ? '' : renderTable(columnsOf(servers), relationships, style);
}

const tones: Readonly<Record<FederationRelationship['state'], Tone | undefined>> = {
  fetched: 'good',
  restored: undefined,
  bootstrap: undefined,
  failing: 'bad',
  held: 'warning',
  withdrawn: 'bad',
  never: 'bad',
};

const columnsOf = (servers: number): readonly Column<ListedRelationship>[] => [
  { title: 'MESH', value: ({ mesh }) => mesh },
  { title: 'TRUST DOMAIN', value: ({ trustDomain }) => trustDomain },
  { title: 'STATE', value: ({ state }) => state, tone: ({ state }) => tones[state] },
  { title: 'CAS', value: ({ anchors }) => String(anchors) },
  { title: 'LAST SUCCESS', value: ({ lastSuccessAt }) => timeOf(lastSuccessAt) },
  ...(servers > 1 ? [{ title: 'SERVER', value: ({ server }: ListedRelationship) => server }] : []),
  { title: 'ERROR', value: ({ error }) => (error === undefined ? '' : `${error.reason}: ${error.message}`) },
  { title: 'NEXT', wide: true, value: ({ nextAttemptAt }) => timeOf(nextAttemptAt) },
  { title: 'SEQUENCE', wide: true, value: ({ sequence }) => String(sequence ?? '') },
  { title: 'INTERVAL', wide: true, value: ({ intervalSeconds }) => `${intervalSeconds}s` },
  { title: 'SERVED FROM', wide: true, value: ({ source }) => source },
  { title: 'FIRST END', wide: true, value: ({ firstEnd }) => timeOf(firstEnd) },
  { title: 'URL', wide: true, value: ({ url }) => url },
  { title: 'SPIFFE ID', wide: true, value: ({ endpointSpiffeId }) => endpointSpiffeId ?? '' },
  { title: 'FROM', wide: true, value: ({ place }) => place },
];

function timeOf(time: string | undefined): string {
  return time === undefined ? '' : time.replace(/\.\d+/, '');
}
