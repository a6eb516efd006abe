/**
 * CRDs with the names of the Prometheus operator's, and only the fields of the chart's objects. The schema prunes
 * unknown fields, so strict validation finds a field that is misspelt or at a wrong place.
 */
const text = { type: 'string' } as const;
const texts = { type: 'object', additionalProperties: text } as const;

function crdOf(kind: string, plural: string, spec: object): object {
  const singular = kind.toLowerCase();
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.monitoring.coreos.com` },
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names: { kind, plural, singular, listKind: `${kind}List` },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties: { spec } } },
        },
      ],
    },
  };
}

export const monitoringCrds: readonly object[] = [
  crdOf('ServiceMonitor', 'servicemonitors', {
    type: 'object',
    required: ['endpoints', 'selector'],
    properties: {
      selector: { type: 'object', properties: { matchLabels: texts } },
      endpoints: {
        type: 'array',
        items: {
          type: 'object',
          properties: { port: text, path: text, interval: text, scrapeTimeout: text },
        },
      },
    },
  }),
  crdOf('PrometheusRule', 'prometheusrules', {
    type: 'object',
    properties: {
      groups: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name'],
          properties: {
            name: { type: 'string', minLength: 1 },
            rules: {
              type: 'array',
              items: {
                type: 'object',
                required: ['expr'],
                properties: {
                  alert: text,
                  record: text,
                  expr: text,
                  for: { type: 'string', pattern: '^([0-9]+(ms|[smhdwy]))+$' },
                  labels: texts,
                  annotations: texts,
                },
              },
            },
          },
        },
      },
    },
  }),
];
