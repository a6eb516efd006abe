import type { Security } from './security.ts';

/** A case of the benchmark, for several numbers of proxies. */
export interface Case {
  /** `full`: a real node in every request. `first`: a real node in the first request only. `bare`: a small node. */
  readonly node: NodeMode;
  /** Approximate size of the secret, in bytes. */
  readonly bytes: number;
  readonly proxies: readonly number[];
  /** Number of trust domains, of which one changes. */
  readonly domains: number;
  readonly protocol: 'delta' | 'sotw';
  readonly transport: 'ads' | 'sds';
}

type NodeMode = 'full' | 'first' | 'bare';

const nodes: Readonly<Record<NodeMode, string>> = {
  full: 'a real node in every request',
  first: 'a real node in the first request',
  bare: 'a node of some bytes',
};

const securities: Readonly<Record<Security, string>> = { plain: '', tls: ' with TLS', mtls: ' with mTLS' };

/**
 * Reads `NODE/BYTES/PROXIES[/DOMAINS[/TRANSPORT]]`, such as `bare/2048/100,1000` or `full/131072/1000/1/sotw-sds`.
 * @throws {Error} if the text has another form.
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

/** Describes the case in words, without its number of proxies. */
export function titleOf({ node, bytes, domains, protocol, transport }: Case, security: Security): string {
  const size = bytes >= 1024 ? `${Math.round(bytes / 1024)} KB` : `${bytes} bytes`;
  const among = domains === 1 ? '' : `, one of ${domains} trust domains`;
  return `${size}, ${protocol}-${transport}${securities[security]}, ${nodes[node]}${among}`;
}

/** Returns a file name for the case. */
export function slugOf({ node, bytes, domains, protocol, transport }: Case, security: Security): string {
  return [node, bytes, domains, protocol, transport, ...(security === 'plain' ? [] : [security])].join('-');
}

/** All cases of the report, the most important ones first, in case the time runs out. */
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

/** Returns a key that is equal for cases that differ only in their number of trust domains. */
export function keyWithoutDomains(one: Case): string {
  return slugOf({ ...one, domains: 0 }, 'plain');
}
