/** The CRD of MeshIdentity as far as the program needs it: as in Kuma, the status is a plain field. */
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
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};
