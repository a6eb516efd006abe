import type { FederationRelationship } from '../../api/federation-api-types.ts';
import { renderTable } from '../terminal/output.ts';
import type { Column, TableStyle, Tone } from '../terminal/output.ts';

/** Renders a table with a line for each relationship. */
export function renderFederation(
  relationships: readonly FederationRelationship[],
  style: TableStyle,
): string {
  return relationships.length === 0 ? '' : renderTable(columns, relationships, style);
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

const columns: readonly Column<FederationRelationship>[] = [
  { title: 'MESH', value: ({ mesh }) => mesh },
  { title: 'TRUST DOMAIN', value: ({ trustDomain }) => trustDomain },
  { title: 'STATE', value: ({ state }) => state, tone: ({ state }) => tones[state] },
  { title: 'CAS', value: ({ anchors }) => String(anchors) },
  { title: 'LAST SUCCESS', value: ({ lastSuccessAt }) => timeOf(lastSuccessAt) },
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
