const certificateSchema = {
  type: 'object',
  required: ['secretName', 'issuerRef'],
  properties: {
    secretName: { type: 'string' },
    isCA: { type: 'boolean' },
    commonName: { type: 'string', maxLength: 64 },
    dnsNames: { type: 'array', items: { type: 'string' } },
    uris: { type: 'array', items: { type: 'string' } },
    usages: { type: 'array', items: { type: 'string' } },
    duration: { type: 'string' },
    renewBefore: { type: 'string' },
    privateKey: {
      type: 'object',
      properties: {
        algorithm: { type: 'string', enum: ['RSA', 'ECDSA', 'Ed25519'] },
        size: { type: 'integer' },
        rotationPolicy: { type: 'string', enum: ['Never', 'Always'] },
      },
    },
    issuerRef: {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string' }, kind: { type: 'string' }, group: { type: 'string' } },
    },
  },
};

const issuerSchema = {
  type: 'object',
  properties: {
    selfSigned: { type: 'object' },
    ca: { type: 'object', required: ['secretName'], properties: { secretName: { type: 'string' } } },
  },
};

interface CrdNames {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly scope?: 'Cluster' | 'Namespaced';
}

function crd({ group, version, kind, plural, scope = 'Namespaced' }: CrdNames, spec: object): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      // The API server refuses CRDs of *.k8s.io without it.
      annotations: { 'api-approved.kubernetes.io': 'unapproved, a part of it for a test' },
    },
    spec: {
      group,
      scope,
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        },
      ],
    },
  };
}

const certManager = { group: 'cert-manager.io', version: 'v1' };

/** CRDs of cert-manager with the fields that the recipes use, so that an API server refuses a misspelt one. */
export const certManagerCrds: readonly object[] = [
  crd({ ...certManager, kind: 'Certificate', plural: 'certificates' }, certificateSchema),
  crd({ ...certManager, kind: 'ClusterIssuer', plural: 'clusterissuers', scope: 'Cluster' }, issuerSchema),
];
