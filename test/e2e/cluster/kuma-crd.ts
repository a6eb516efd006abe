/**
 * The CRD of MeshTrust as Kuma ships it, as far as its behaviour is known: no status subresource, no columns, no rules,
 * and `pem` may be absent if the type is Pem.
 */
export const kumaCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'meshtrusts.kuma.io' },
  spec: {
    group: 'kuma.io',
    scope: 'Namespaced',
    names: {
      kind: 'MeshTrust',
      listKind: 'MeshTrustList',
      plural: 'meshtrusts',
      singular: 'meshtrust',
      shortNames: ['mtrust'],
      categories: ['kuma'],
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              spec: {
                type: 'object',
                required: ['caBundles', 'trustDomain'],
                properties: {
                  trustDomain: { type: 'string', maxLength: 253 },
                  caBundles: {
                    type: 'array',
                    minItems: 1,
                    items: {
                      type: 'object',
                      required: ['type'],
                      properties: {
                        type: { type: 'string', enum: ['Pem'] },
                        pem: {
                          type: 'object',
                          required: ['value'],
                          properties: { value: { type: 'string' } },
                        },
                      },
                    },
                  },
                },
              },
              status: {
                type: 'object',
                properties: { origin: { type: 'object', properties: { kri: { type: 'string' } } } },
              },
            },
          },
        },
      },
    ],
  },
} as const;
