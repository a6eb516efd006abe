import type { Certificate } from '../../kit/certificates.ts';

/** The objects whose changes are reviewed. */
export interface ReviewedObjects {
  readonly apiGroup: string;
  readonly resource: string;
  readonly scope: 'Namespaced' | 'Cluster';
}

/**
 * Returns the configuration with which the API server sends reviews of one kind of objects to a port of this machine.
 * There is no Service.
 */
export function webhookConfiguration(
  port: number,
  ca: Pick<Certificate, 'certPem'>,
  { apiGroup, resource, scope }: ReviewedObjects,
): string {
  return JSON.stringify({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'meshtrust' },
    webhooks: [
      {
        name: `validate.${resource}.${apiGroup}`,
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Ignore',
        timeoutSeconds: 5,
        clientConfig: {
          url: `https://localhost:${port}/validate`,
          caBundle: Buffer.from(ca.certPem).toString('base64'),
        },
        rules: [
          {
            apiGroups: [apiGroup],
            apiVersions: ['v1alpha1'],
            resources: [resource],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            scope,
          },
        ],
      },
    ],
  });
}
