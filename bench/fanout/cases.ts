/** One thing to measure, at several numbers of proxies. */
export interface Case {
  /** A real node in every request, in the first alone, or a node of some bytes. */
  readonly node: NodeMode;
  /** Size of the secret, about. */
  readonly bytes: number;
  readonly proxies: readonly number[];
  /** Trust domains, of which one changes. */
  readonly domains: number;
  readonly protocol: 'delta' | 'sotw';
  readonly transport: 'ads' | 'sds';
}

export type NodeMode = 'full' | 'first' | 'bare';

const nodes: Readonly<Record<NodeMode, string>> = {
  full: 'a real node in every request',
  first: 'a real node in the first request',
  bare: 'a node of some bytes',
};

/**
 * Reads `NODE/BYTES/PROXIES[/DOMAINS[/TRANSPORT]]`, such as `bare/2048/100,1000` or `full/131072/1000/1/sotw-sds`.
 * @throws {Error} for anything else.
 */
export function parseCase(text: string): Case {
  const [node = '', bytes = '', proxies = '', domains = '1', transport = 'delta-ads'] = text.split('/');
  const [, protocol, api] = /^(delta|sotw)-(ads|sds)$/.exec(transport) ?? [];
  if (!Object.hasOwn(nodes, node) || protocol === undefined || api === undefined || proxies === '')
    throw new Error(`not a case: ${text}`);
  return {
    node: node as NodeMode,
    bytes: Number(bytes),
    proxies: proxies.split(',').map(Number),
    domains: Number(domains),
    protocol: protocol as Case['protocol'],
    transport: api as Case['transport'],
  };
}

/** The case in words, without its number of proxies. */
export function titleOf({ node, bytes, domains, protocol, transport }: Case): string {
  const size = bytes >= 1024 ? `${Math.round(bytes / 1024)} KB` : `${bytes} bytes`;
  const among = domains === 1 ? '' : `, one of ${domains} trust domains`;
  return `${size}, ${protocol}-${transport}, ${nodes[node]}${among}`;
}

/** A name for a file about the case. */
export function slugOf({ node, bytes, domains, protocol, transport }: Case): string {
  return [node, bytes, domains, protocol, transport].join('-');
}

/** Every case that the report is to have; the ones that matter most come first, should the time run out. */
export const wholeTable: readonly string[] = [
  'full/2048/10,100,1000,9000',
  'first/2048/10,100,1000,9000',
  'bare/2048/10,100,1000,9000',
  'full/131072/1000',
  'bare/131072/10,100,1000,9000',
  'bare/2048/1000/10',
  'bare/2048/1000/100',
  'bare/2048/1000/1000',
  'bare/2048/1000/1/delta-sds',
  'bare/2048/1000/1/sotw-ads',
  'bare/2048/1000/1/sotw-sds',
  'bare/16384/10,100,1000,9000',
  'bare/1048576/10,100,1000',
];

/** The same case but for its number of trust domains has the same key. */
export function keyWithoutDomains(one: Case): string {
  return slugOf({ ...one, domains: 0 });
}
