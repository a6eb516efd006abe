const text = { type: 'string' };
const object = (properties: object, required: readonly string[] = []): object => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
});

/** A text that is in the resource, in a file, in a Secret or in a variable of the control plane. */
const dataSource = object(
  {
    type: { ...text, enum: ['File', 'Secret', 'EnvVar', 'InsecureInline'] },
    file: object({ path: text }, ['path']),
    secretRef: object({ kind: { ...text, enum: ['Secret'] }, name: text }, ['kind', 'name']),
    envVar: object({ name: text }, ['name']),
    insecureInline: object({ value: text }, ['value']),
  },
  ['type'],
);

const bundled = object({
  meshTrustCreation: { ...text, enum: ['Enabled', 'Disabled'] },
  insecureAllowSelfSigned: { type: 'boolean' },
  autogenerate: object({ enabled: { type: 'boolean' } }),
  ca: object({ certificate: dataSource, privateKey: dataSource }),
  certificateParameters: object({ expiry: text }),
});

const spec = object({
  selector: object({
    dataplane: object({ matchLabels: { type: 'object', additionalProperties: text } }),
  }),
  spiffeID: object({ trustDomain: text, path: text }),
  provider: object(
    {
      type: { ...text, enum: ['Bundled', 'Spire', 'Extension'] },
      bundled,
      spire: object({ agent: object({ timeout: text }) }),
      extension: object(
        { name: text, config: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        ['name'],
      ),
    },
    ['type'],
  ),
});

const condition = object(
  {
    type: text,
    status: { ...text, enum: ['True', 'False', 'Unknown'] },
    reason: { ...text, minLength: 1 },
    message: text,
  },
  ['message', 'reason', 'status', 'type'],
);

/**
 * The CRD of MeshIdentity with the fields and the rules that Kuma's has: no status subresource and no columns, and the
 * API server drops unknown fields. `status.trustDomain` is of Kuma 3.0; older versions have only the conditions.
 */
export const identityCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'meshidentities.kuma.io' },
  spec: {
    group: 'kuma.io',
    scope: 'Namespaced',
    names: {
      kind: 'MeshIdentity',
      listKind: 'MeshIdentityList',
      plural: 'meshidentities',
      singular: 'meshidentity',
      shortNames: ['mid'],
      categories: ['kuma'],
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: object({
            apiVersion: text,
            kind: text,
            metadata: { type: 'object' },
            spec,
            status: object({
              trustDomain: text,
              conditions: {
                type: 'array',
                items: condition,
                'x-kubernetes-list-type': 'map',
                'x-kubernetes-list-map-keys': ['type'],
              },
            }),
          }),
        },
      },
    ],
  },
};
