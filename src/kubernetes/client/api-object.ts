import { asciiOnly, asMapping } from '../../text/json.ts';
import { withoutSecrets } from '../../trust/without-secrets.ts';
import { onlyRotationKeys } from '../../trust/rotation-keys.ts';

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

/** A kind of objects that the program watches. */
export interface WatchedResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Selects objects by their fields. */
  readonly fieldSelector?: string | undefined;
  /** The prefix of the path for failures. Default: `kubernetes`. */
  readonly place?: string | undefined;
  /** Parses an object. Returns `undefined` if it has no name. */
  readonly read: (value: unknown) => ApiObject | undefined;
}

/** The resource of MeshTrusts. All objects have this kind, because items of a list do not contain it. */
export const resource = {
  group: 'kuma.io',
  version: 'v1alpha1',
  plural: 'meshtrusts',
  kind: 'MeshTrust',
} as const;

/** Returns the path that events use for all objects of a namespace: `kubernetes:namespace`, or `kubernetes:*`. */
export function placePath(namespace: string | undefined, prefix = 'kubernetes'): string {
  return `${prefix}:${namespace ?? '*'}`;
}

/** The MeshTrusts of a cluster. */
export const meshTrusts: WatchedResource = { ...resource, read: (value) => readApiObject(value) };

const identityResource = { group: resource.group, version: resource.version, plural: 'meshidentities' };

/** The MeshIdentities of a cluster. */
export const meshIdentities: WatchedResource = {
  ...identityResource,
  read: (value) => readIdentityObject(value),
};

/** The type of the Secrets in which Kuma keeps the secrets of a mesh. */
const kumaSecretType = 'system.kuma.io/secret';

/**
 * One Secret with the CA certificate of a MeshIdentity. Reading it by its name needs no right to other Secrets. Nothing
 * of it is kept but the certificates: a Secret of another type, or with a private key, has no data.
 */
export function caSecret(namespace: string, name: string): WatchedResource {
  const place = `kubernetes:secret:${namespace}/${name}`;
  return {
    group: '',
    version: 'v1',
    plural: 'secrets',
    fieldSelector: `metadata.name=${name}`,
    place,
    read(value) {
      const parts = readParts(value);
      if (parts?.name !== name) return undefined;
      const body = asMapping(value);
      const data = asMapping(body?.['data'])?.['value'];
      const isUsable =
        body?.['type'] === kumaSecretType &&
        typeof data === 'string' &&
        !Buffer.from(data, 'base64').includes('PRIVATE KEY');
      return makeObject(
        'kubernetes:secret',
        { ...parts, status: undefined },
        {
          apiVersion: 'v1',
          kind: 'Secret',
          type: kumaSecretType,
          metadata: { name, namespace, labels: parts.labels },
          data: isUsable ? { value: data } : {},
        },
      );
    },
  };
}

/** The MeshTrusts of the Global control plane's cluster. */
export const importedMeshTrusts: WatchedResource = {
  ...resource,
  place: 'import',
  read: (value) => readApiObject(value, 'import'),
};

/** The MeshIdentities of the Global control plane's cluster. */
export const importedMeshIdentities: WatchedResource = {
  ...identityResource,
  place: 'import:meshidentity',
  read: (value) => readIdentityObject(value, 'import:meshidentity'),
};

/** The ClusterFederatedTrustDomains of a cluster, which have no namespace. */
export const clusterFederatedTrustDomains: WatchedResource = {
  group: 'spire.spiffe.io',
  version: 'v1alpha1',
  plural: 'clusterfederatedtrustdomains',
  read: readFederatedObject,
};

/**
 * Parses a MeshTrust of the API server. Returns `undefined` if it has no name. The text does not contain annotations
 * (the one of `kubectl apply` repeats the whole object) but those of a rotation, managed fields, versions and
 * conditions: they change often, and served trust does not depend on them.
 */
export function readApiObject(value: unknown, prefix = 'kubernetes'): ApiObject | undefined {
  const parts = readParts(value);
  if (parts === undefined) return undefined;
  const { name, namespace, labels, annotations, spec, status } = parts;
  const origin = status?.['origin'];
  return makeObject(prefix, parts, {
    apiVersion: `${resource.group}/${resource.version}`,
    kind: resource.kind,
    metadata: { name, namespace, labels, annotations: onlyRotationKeys(annotations) },
    spec,
    status: origin === undefined ? undefined : { origin },
  });
}

/**
 * Parses a MeshIdentity of the API server. Returns `undefined` if it has no name. The text has no private key, no
 * configuration of an extension and no annotation but the display name: the one of `kubectl apply` repeats an inline
 * key.
 */
function readIdentityObject(value: unknown, prefix = 'kubernetes:meshidentity'): ApiObject | undefined {
  const parts = readParts(value);
  if (parts === undefined) return undefined;
  const { name, namespace, labels, annotations, spec, status } = parts;
  const conditions = status?.['conditions'];
  const displayName = annotations?.[displayNameKey];
  return makeObject(prefix, parts, {
    apiVersion: `${resource.group}/${resource.version}`,
    kind: 'MeshIdentity',
    metadata: {
      name,
      namespace,
      labels,
      annotations: displayName === undefined ? undefined : { [displayNameKey]: displayName },
    },
    spec: withoutSecrets(spec),
    status: {
      trustDomain: status?.['trustDomain'],
      conditions: Array.isArray(conditions)
        ? conditions.filter((condition) => asMapping(condition)?.['type'] === 'Provider').map(withoutMessage)
        : undefined,
    },
  });
}

/** Parses a ClusterFederatedTrustDomain of the API server. The text has only the annotation that names its meshes. */
function readFederatedObject(value: unknown): ApiObject | undefined {
  const parts = readParts(value);
  if (parts === undefined) return undefined;
  const { name, labels, annotations, spec } = parts;
  const meshes = annotations?.[meshesKey];
  return makeObject(federatedPrefix, parts, {
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterFederatedTrustDomain',
    metadata: { name, labels, annotations: meshes === undefined ? undefined : { [meshesKey]: meshes } },
    spec,
  });
}

const federatedPrefix = 'kubernetes:clusterfederatedtrustdomain';

/** True for the path of a ClusterFederatedTrustDomain. */
export function isFederatedPath(path: string): boolean {
  return path.startsWith(`${federatedPrefix}:`);
}

const meshesKey = 'meshtrust.io/meshes';
const displayNameKey = 'kuma.io/display-name';

/** The message of a condition may repeat parts of the resource, and often changes. */
function withoutMessage(condition: unknown): unknown {
  const { type, status, reason } = asMapping(condition) ?? {};
  return { type, status, reason };
}

/** The fields of an object that matter. */
interface ObjectParts extends Omit<ObjectHead, 'path' | 'namespace'> {
  readonly namespace: unknown;
  readonly labels: unknown;
  readonly annotations: Readonly<Record<string, unknown>> | undefined;
  readonly spec: unknown;
}

function readParts(value: unknown): ObjectParts | undefined {
  const body = asMapping(value);
  const metadata = asMapping(body?.['metadata']);
  const name = metadata?.['name'];
  if (body === undefined || metadata === undefined || typeof name !== 'string') return undefined;
  const { namespace, labels, uid, generation } = metadata;
  return {
    name,
    namespace,
    labels,
    annotations: asMapping(metadata['annotations']),
    uid: typeof uid === 'string' ? uid : '',
    generation: typeof generation === 'number' ? generation : 0,
    spec: body['spec'],
    status: asMapping(body['status']),
  };
}

function makeObject(prefix: string, parts: ObjectParts, text: object): ApiObject {
  const { name, uid, generation, status } = parts;
  const namespace = typeof parts.namespace === 'string' ? parts.namespace : '';
  const path = `${prefix}:${namespace}/${name}`;
  return {
    path,
    text: asciiOnly(JSON.stringify(text)),
    head: { path, namespace, name, uid, generation, status },
  };
}

/** Returns `metadata.resourceVersion` of an object or a list, if it is not empty. */
export function resourceVersionOf(value: unknown): string | undefined {
  const version = asMapping(asMapping(value)?.['metadata'])?.['resourceVersion'];
  return typeof version === 'string' && version !== '' ? version : undefined;
}

/** Returns the parameters of a list or a watch that select objects. */
export function selectorOf({
  fieldSelector,
}: Pick<WatchedResource, 'fieldSelector'>): Readonly<Record<string, string>> {
  return fieldSelector === undefined ? {} : { fieldSelector };
}
