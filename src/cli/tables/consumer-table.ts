import type { ConsumerDetail } from '../../api/consumer-api-types.ts';
import { renderTable } from '../terminal/output.ts';
import type { Column, TableStyle, Tone } from '../terminal/output.ts';

/** A consumer as a server listed it. */
export interface ListedConsumer extends ConsumerDetail {
  readonly server: string;
}

const tones: Readonly<Record<ConsumerDetail['state'], Tone>> = {
  current: 'good',
  sent: 'warning',
  behind: 'bad',
  unknown: 'warning',
};

const columns: readonly Column<ListedConsumer>[] = [
  { title: 'MESH', value: ({ mesh }) => mesh },
  { title: 'TRUST DOMAIN', value: ({ trustDomain }) => trustDomain },
  { title: 'ADDRESS', value: ({ address }) => address },
  { title: 'PROGRAM', value: ({ userAgent }) => userAgent },
  { title: 'STATE', value: ({ state }) => state, tone: ({ state }) => tones[state] },
  { title: 'LAST FETCH', value: ({ lastFetchAt }) => lastFetchAt },
  {
    title: 'POLLS',
    wide: true,
    value: ({ pollSeconds }) => (pollSeconds === undefined ? '' : `${pollSeconds}s`),
  },
  { title: 'SERVER', wide: true, value: ({ server }) => server },
];

/** Renders a table of consumers. */
export function renderConsumers(consumers: readonly ListedConsumer[], style: TableStyle): string {
  return consumers.length === 0 ? '' : renderTable(columns, consumers, style);
}
