import { asciiOnly, asMapping } from '../../text/json.ts';
import { withoutSecrets } from '../../trust/without-secrets.ts';
import type { ListedResource } from './poll-state.ts';

/** A kind of resources of Kuma's REST API. */
export interface UniversalResource {
  /** The last part of the address. */
  readonly plural: string;
  /** The path for failures. */
  readonly place: string;
  /** Parses a resource. Returns `undefined` if it has no name or mesh. */
  readonly read: (value: unknown) => ListedResource | undefined;
}

export const meshTrusts: UniversalResource = {
  plural: 'meshtrusts',
  place: 'import:meshtrusts',
  read: (value) =>
    readResource('MeshTrust', 'import', value, ({ spec, status }) => {
      const origin = asMapping(status)?.['origin'];
      return { spec, status: origin === undefined ? undefined : { origin } };
    }),
};

export const meshIdentities: UniversalResource = {
  plural: 'meshidentities',
  place: 'import:meshidentities',
  read: (value) =>
    readResource('MeshIdentity', 'import:meshidentity', value, ({ spec }) => ({
      spec: withoutSecrets(spec),
    })),
};

/** The text has no times of creation and modification: served trust does not depend on them. */
function readResource(
  type: string,
  prefix: string,
  value: unknown,
  body: (resource: Readonly<Record<string, unknown>>) => object,
): ListedResource | undefined {
  const resource = asMapping(value);
  const { name, mesh, labels } = resource ?? {};
  if (resource === undefined || typeof name !== 'string' || typeof mesh !== 'string') return undefined;
  if (resource['type'] !== type) return undefined;
  const text = asciiOnly(JSON.stringify({ type, name, mesh, labels, ...body(resource) }));
  return { path: `${prefix}:${mesh}/${name}`, text };
}
