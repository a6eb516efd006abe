import { asMapping } from '../../text/json.ts';

type Kind = 'array' | 'boolean' | 'number' | 'string';

/** The fields without which an answer is not one of the admin API, by the path of the request. */
const shapes: readonly (readonly [path: RegExp, fields: Readonly<Record<string, Kind>>])[] = [
  [/^server$/, { version: 'string' }],
  [/^meshes$/, { meshes: 'array' }],
  [/^meshes\/[^/]+$/, { name: 'string' }],
  [/^meshes\/[^/]+\/rollout$/, { version: 'string' }],
  [/^meshes\/[^/]+\/certificates$/, { trustDomains: 'array' }],
  [/^meshes\/[^/]+\/rotations$/, { rotations: 'array' }],
  [/^findings$/, { findings: 'array' }],
  [/^proxies$/, { proxies: 'array', total: 'number' }],
  [/^proxies\/[^/]+$/, { node: 'string', streams: 'array' }],
  [/^certificates\/[^/]+$/, { pem: 'string' }],
  [/^distrust\/[^/]+$/, { listed: 'boolean' }],
  [/^guard\/release$/, { released: 'array' }],
  [/^identities$/, { read: 'boolean', identities: 'array' }],
  [/^identities\/release$/, { released: 'number' }],
  [/^federation$/, { read: 'boolean', relationships: 'array' }],
  [/^federation\/refresh$/, { refreshed: 'number' }],
  [/^federation\/consumers$/, { consumers: 'array', published: 'array' }],
];

/**
 * Returns why an answer cannot come from the admin API: it is not a JSON object, or lacks a field. Another program can
 * answer every request with JSON. `path` is the path of the request, with its query.
 */
export function shapeProblem(path: string, answer: unknown): string | undefined {
  const mapping = asMapping(answer);
  if (mapping === undefined) return 'it is not a JSON object';
  const name = path.replace(/^\/api\/v1\//, '').replace(/\?.*$/s, '');
  const [, fields = {}] = shapes.find(([pattern]) => pattern.test(name)) ?? [];
  const [missing] = Object.entries(fields).filter(([field, kind]) => kindOf(mapping[field]) !== kind);
  return missing === undefined ? undefined : `it has no ${missing[1]} ${missing[0]}`;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
}
