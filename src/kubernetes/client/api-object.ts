/** What the source keeps of an object: which it is, and what it says about trust. */
export interface ApiObject {
  /** `kubernetes:namespace/name`. */
  readonly path: string;
  /** The object as one line of JSON, without what has no effect on trust: equal where nothing changed. */
  readonly text: string;
  readonly head: ObjectHead;
}

/** What an object is besides what it says about trust: for those who tell what became of it. */
export interface ObjectHead {
  /** That of its `ApiObject`. */
  readonly path: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Counts the versions of its spec; 0 if the API server does not say. */
  readonly generation: number;
  readonly status: Readonly<Record<string, unknown>> | undefined;
}

/** Every object of these is of this kind: lists leave it out of their items. */
export const resource = {
  group: 'kuma.io',
  version: 'v1alpha1',
  plural: 'meshtrusts',
  kind: 'MeshTrust',
} as const;

/** How events name a place with many objects: `kubernetes:namespace`, or `kubernetes:*`. */
export function placePath(namespace: string | undefined): string {
  return `kubernetes:${namespace ?? '*'}`;
}

/**
 * An object as the API server gave it; undefined if it has no name, so is none. Annotations (the one of
 * `kubectl apply` repeats the whole object), managed fields, versions and conditions are left out: they
 * change often, and nothing that is served depends on them.
 */
export function readApiObject(value: unknown): ApiObject | undefined {
  const body = asMapping(value);
  const metadata = asMapping(body?.['metadata']);
  const name = metadata?.['name'];
  const namespace = metadata?.['namespace'];
  if (body === undefined || metadata === undefined || typeof name !== 'string') return undefined;
  const status = asMapping(body['status']);
  const origin = status?.['origin'];
  const text = JSON.stringify({
    apiVersion: `${resource.group}/${resource.version}`,
    kind: resource.kind,
    metadata: { name, namespace, labels: metadata['labels'] },
    spec: body['spec'],
    status: origin === undefined ? undefined : { origin },
  });
  const path = `kubernetes:${typeof namespace === 'string' ? namespace : ''}/${name}`;
  const { uid, generation } = metadata;
  const head: ObjectHead = {
    path,
    namespace: typeof namespace === 'string' ? namespace : '',
    name,
    uid: typeof uid === 'string' ? uid : '',
    generation: typeof generation === 'number' ? generation : 0,
    status,
  };
  return { path, text: asciiOnly(text), head };
}

/** `metadata.resourceVersion` of an object or a list. */
export function resourceVersionOf(value: unknown): string | undefined {
  const version = asMapping(asMapping(value)?.['metadata'])?.['resourceVersion'];
  return typeof version === 'string' && version !== '' ? version : undefined;
}

export function asMapping(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** JSON may hold control characters that YAML, as which it is read, refuses unless they are escaped. */
function asciiOnly(json: string): string {
  return json.replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Parses JSON that another party may have written: a proxy before the API server, or the author of an annotation.
 * Returns undefined if the text is not JSON.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
