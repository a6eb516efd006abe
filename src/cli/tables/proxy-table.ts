import type { AnyProxyState, ProxyDetail, ProxySecret, ProxySummary } from '../../api/fleet-api-types.ts';
import { counted } from '../../text/counted.ts';
import { formatDuration, paint, renderTable } from '../terminal/output.ts';
import type { Column, TableStyle, Tone } from '../terminal/output.ts';

/** A proxy, and the server that reported it. */
export type ServerProxy<Proxy extends ProxySummary = ProxySummary> = Proxy & { readonly server: string };

const tones: Readonly<Record<AnyProxyState, Tone>> = {
  synced: 'good',
  pending: 'warning',
  stale: 'bad',
  refused: 'bad',
  reconnecting: 'warning',
  lost: 'bad',
  disconnected: 'faint',
};

/** Returns the tone of a state. */
export function toneOf(state: AnyProxyState): Tone {
  return tones[state];
}

/** Returns the first 12 digits of a version, which distinguish it from others; empty for undefined. */
export function shortVersion(version: string | undefined): string {
  return version?.slice(0, 12) ?? '';
}

/** Renders a table of proxies. `now`: epoch milliseconds. */
export function renderProxies(
  proxies: readonly ServerProxy[],
  { now, servers, ...style }: TableStyle & { readonly now: number; readonly servers: number },
): string {
  const columns: readonly Column<ServerProxy>[] = [
    { title: 'NODE', value: ({ node }) => node },
    { title: 'MESH', value: ({ mesh }) => mesh },
    { title: 'STATE', value: ({ state }) => state, tone: ({ state }) => toneOf(state) },
    { title: 'ACKED', value: ({ version }) => shortVersion(version) },
    { title: 'SERVED', value: ({ servedVersion }) => shortVersion(servedVersion), wide: true },
    {
      title: 'BEHIND',
      value: ({ behindSeconds }) => (behindSeconds === undefined ? '' : formatDuration(behindSeconds * 1000)),
    },
    { title: 'ACK', value: ({ ackMs }) => (ackMs === undefined ? '' : formatDuration(ackMs)), wide: true },
    {
      title: 'AGE',
      value: ({ connectedAt, disconnectedAt }) => age(disconnectedAt ?? connectedAt, now),
    },
    { title: 'TRANSPORT', value: ({ transports }) => transports.join(', '), wide: true },
    { title: 'ADDRESS', value: ({ address }) => address, wide: true },
    { title: 'PROXY', value: ({ proxy }) => proxy, wide: true },
    { title: 'IDENTITY', value: ({ identity }) => identity ?? '', wide: true },
    ...(servers > 1 ? [{ title: 'SERVER', value: ({ server }: ServerProxy) => server }] : []),
    { title: 'NACKS', value: ({ nacks }) => String(nacks) },
    { title: 'LAST NACK', value: ({ lastNack }) => lastNack?.message ?? '', wide: true },
  ];
  return renderTable(columns, proxies, style);
}

/** Renders the details of one proxy. */
export function renderProxy(proxy: ServerProxy<ProxyDetail>, style: TableStyle, now: number): string {
  const { node, mesh, state, server, address, version, servedVersion, lastNack, behindSeconds } = proxy;
  const behind = behindSeconds === undefined ? '' : `, behind for ${formatDuration(behindSeconds * 1000)}`;
  const ended = proxy.streams.filter(({ ending }) => ending !== undefined);
  const facts: readonly (readonly [string, string])[] = [
    ['node', node],
    ['mesh', mesh],
    ['state', `${paint(state, style.colour ? toneOf(state) : undefined)}${behind}`],
    ['address', `${address} (${proxy.proxy}), at ${server}`],
    ...(proxy.identity === undefined ? [] : [['identity', proxy.identity] as const]),
    ['since', `${proxy.connectedAt} (${age(proxy.connectedAt, now)})`],
    ...(proxy.disconnectedAt === undefined
      ? []
      : [
          [
            'left',
            `${proxy.disconnectedAt} (${age(proxy.disconnectedAt, now)})${leaving(proxy.ending)}`,
          ] as const,
        ]),
    ...(ended.length === 0
      ? []
      : [['ended', `${counted(ended.length, 'stream')} not opened again`] as const]),
    ['acked', version ?? '-'],
    ['served', servedVersion ?? '-'],
    ['nacks', String(proxy.nacks)],
    ...(lastNack === undefined
      ? []
      : [['last nack', `${lastNack.at} ${lastNack.secret}: ${lastNack.message}`] as const]),
  ];
  const lines = facts.map(([name, text]) => `${`${name}:`.padEnd(11)}${text}`);
  const secrets = proxy.streams.flatMap((stream) =>
    stream.secrets.map((secret) => ({
      ...secret,
      transport: stream.ending === undefined ? stream.transport : `${stream.transport} (ended)`,
    })),
  );
  const table = secrets.length === 0 ? '' : `\n${renderTable(secretColumns, secrets, style)}`;
  return `${lines.join('\n')}\n${table}`;
}

const secretColumns: readonly Column<ProxySecret & { readonly transport: string }>[] = [
  { title: 'SECRET', value: ({ name }) => name },
  { title: 'TRANSPORT', value: ({ transport }) => transport },
  { title: 'SENT', value: ({ sentVersion }) => shortVersion(sentVersion) },
  {
    title: 'ACKED',
    value: ({ ackedVersion }) => shortVersion(ackedVersion),
    tone: ({ ackedVersion, servedVersion }) => (ackedVersion === servedVersion ? 'good' : 'warning'),
  },
  { title: 'SERVED', value: ({ servedVersion }) => shortVersion(servedVersion) },
  { title: 'ACK', value: ({ ackMs }) => (ackMs === undefined ? '' : formatDuration(ackMs)) },
  { title: 'ACKED AT', value: ({ ackedAt }) => ackedAt ?? '', wide: true },
];

function leaving(ending: ProxySummary['ending']): string {
  switch (ending) {
    case 'closed':
      return ', it closed its connection';
    case 'silence':
      return ', its connection broke';
    case 'server':
      return ', the server closed its connection';
    case undefined:
      return '';
  }
}

function age(time: string, now: number): string {
  return formatDuration(now - Date.parse(time));
}
