/**
 * The CustomResourceDefinition of ClusterFederatedTrustDomains, with the fields that spire-controller-manager defines.
 * The status is an empty object.
 */
export const federationCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'clusterfederatedtrustdomains.spire.spiffe.io' },
  spec: {
    group: 'spire.spiffe.io',
    scope: 'Cluster',
    names: {
      kind: 'ClusterFederatedTrustDomain',
      listKind: 'ClusterFederatedTrustDomainList',
      plural: 'clusterfederatedtrustdomains',
      singular: 'clusterfederatedtrustdomain',
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                required: ['bundleEndpointProfile', 'bundleEndpointURL', 'trustDomain'],
                properties: {
                  trustDomain: { type: 'string' },
                  bundleEndpointURL: { type: 'string' },
                  bundleEndpointProfile: {
                    type: 'object',
                    required: ['type'],
                    properties: {
                      type: { type: 'string', enum: ['https_spiffe', 'https_web'] },
                      endpointSPIFFEID: { type: 'string' },
                    },
                  },
                  trustDomainBundle: { type: 'string' },
                  className: { type: 'string' },
                },
              },
              status: { type: 'object' },
            },
          },
        },
      },
    ],
  },
} as const;
