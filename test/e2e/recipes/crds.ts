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

const text = { type: 'string' };
const object = (properties: object): object => ({ type: 'object', properties });
const list = (items: object): object => ({ type: 'array', items });
const reference = object({ group: text, kind: text, name: text });
const operation = {
  op: { type: 'string', enum: ['add', 'remove', 'replace', 'move', 'copy', 'test'] },
  path: text,
  value: { 'x-kubernetes-preserve-unknown-fields': true },
};

const envoyGateway = { group: 'gateway.envoyproxy.io', version: 'v1alpha1' };

/** CRDs of Envoy Gateway and of the Gateway API with the fields that the recipe uses. */
export const envoyGatewayCrds: readonly object[] = [
  crd(
    { ...envoyGateway, kind: 'EnvoyProxy', plural: 'envoyproxies' },
    object({ bootstrap: object({ type: text, jsonPatches: list(object(operation)) }) }),
  ),
  crd(
    { ...envoyGateway, kind: 'EnvoyPatchPolicy', plural: 'envoypatchpolicies' },
    object({
      targetRef: reference,
      type: text,
      jsonPatches: list(object({ type: text, name: text, operation: object(operation) })),
    }),
  ),
  crd(
    { group: 'gateway.networking.k8s.io', version: 'v1', kind: 'Gateway', plural: 'gateways' },
    object({
      gatewayClassName: text,
      infrastructure: object({ parametersRef: reference }),
      listeners: list(
        object({
          name: text,
          protocol: text,
          port: { type: 'integer' },
          tls: object({ mode: text, certificateRefs: list(object({ kind: text, name: text })) }),
        }),
      ),
    }),
  ),
];
