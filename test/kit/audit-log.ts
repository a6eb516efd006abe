/** A request of a service account. */
export interface AskedFor {
  /** The user, e.g. `system:serviceaccount:kuma-system:meshtrust`. */
  readonly user: string;
  readonly verb: string;
  /** With its subresource, e.g. `meshtrusts/status`. The path of a request without an object, e.g. `/api`. */
  readonly resource: string;
  readonly name: string;
  readonly allowed: boolean;
  /** When the API server received it, in ms since the epoch. */
  readonly at: number;
}

/** The name of the file in the folder of the API server. */
export const auditLog = 'audit.log';

/** Records the name and verb of requests of service accounts, without their content. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
};

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly requestReceivedTimestamp: string;
  readonly objectRef?: { readonly resource: string; readonly subresource?: string; readonly name?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Parses the audit log. Its last line may be incomplete. */
export function readAuditLog(text: string): readonly AskedFor[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter(Boolean).map((line) => {
    const { verb, requestURI, user, objectRef, annotations, requestReceivedTimestamp } = JSON.parse(
      line,
    ) as AuditEvent;
    const [path = ''] = requestURI.split('?', 1);
    const { resource, subresource, name = '' } = objectRef ?? { resource: path };
    return {
      user: user.username,
      verb,
      resource: [resource, subresource].filter(Boolean).join('/'),
      name,
      allowed: annotations?.['authorization.k8s.io/decision'] === 'allow',
      at: Date.parse(requestReceivedTimestamp),
    };
  });
}
