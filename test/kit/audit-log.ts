/** A request of a service account. */
export interface AskedFor {
  readonly verb: string;
  /** With its subresource, e.g. `meshtrusts/status`. */
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
  readonly requestReceivedTimestamp: string;
  readonly requestURI: string;
  readonly objectRef?: { readonly resource: string; readonly subresource?: string; readonly name?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Parses the audit log. Requests without an object (`/api`) are left out. */
export function readAuditLog(text: string): readonly AskedFor[] {
  return eventsOf(text).flatMap(({ verb, objectRef, annotations, requestReceivedTimestamp }) => {
    const at = Date.parse(requestReceivedTimestamp);
    if (objectRef === undefined) return [];
    const { resource, subresource, name = '' } = objectRef;
    const allowed = annotations?.['authorization.k8s.io/decision'] === 'allow';
    return [{ verb, resource: [resource, subresource].filter(Boolean).join('/'), name, allowed, at }];
  });
}

/** Returns the paths of the requests without an object, such as `/openid/v1/jwks`. */
export function readAuditedPaths(text: string): readonly string[] {
  return eventsOf(text).flatMap(({ objectRef, requestURI }) => (objectRef === undefined ? [requestURI] : []));
}

/** The last line may be incomplete. */
function eventsOf(text: string): readonly AuditEvent[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter(Boolean).map((line) => JSON.parse(line) as AuditEvent);
}
