import { asMapping } from '../../text/json.ts';

/** The parts of an object that the source uses. */
export interface ApiObject {
  /** `kubernetes:namespace/name`. */
  readonly path: string;
  /** The fields that affect trust, as one line of JSON. Equal texts mean that trust has not changed. */
  readonly text: string;
  readonly head: ObjectHead;
}

/** The metadata and the status of an object, for status and Events. */
export interface ObjectHead {
  /** The path of its `ApiObject`. */
  readonly path: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** `metadata.generation`, or 0 if it is absent. */
  readonly generation: number;
  readonly status: Readonly<Record<string, unknown>> | undefined;
}

/** The resource of MeshTrusts. All objects have this kind, because items of a list do not contain it. */
export const resource = {
  group: 'kuma.io',
  version: 'v1alpha1',
  plural: 'meshtrusts',
  kind: 'MeshTrust',
} as const;

/** Returns the path that events use for all objects of a namespace: `kubernetes:namespace`, or `kubernetes:*`. */
export function placePath(namespace: string | undefined): string {
  return `kubernetes:${namespace ?? '*'}`;
}

/**
 * Parses an object of the API server. Returns `undefined` if it has no name. The text does not contain annotations (the
 * one of `kubectl apply` repeats the whole object), managed fields, versions and conditions: they change often, and
 * served trust does not depend on them.
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

/** Returns `metadata.resourceVersion` of an object or a list, if it is not empty. */
export function resourceVersionOf(value: unknown): string | undefined {
  const version = asMapping(asMapping(value)?.['metadata'])?.['resourceVersion'];
  return typeof version === 'string' && version !== '' ? version : undefined;
}

/** Escapes all characters beyond ASCII. The text is parsed as YAML, which rejects some that JSON allows. */
function asciiOnly(json: string): string {
  return json.replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
