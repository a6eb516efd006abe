/** The authenticated identity of a client. */
export type ClientIdentity = SpiffeIdentity | ServiceAccount | NamedCertificate;

/** A certificate with a SPIFFE ID. */
export interface SpiffeIdentity {
  readonly kind: 'spiffe';
  readonly id: string;
}

/** A Kubernetes service account, by a token that the API server accepted. */
export interface ServiceAccount {
  readonly kind: 'service-account';
  readonly namespace: string;
  readonly name: string;
  /** Name of the pod that the token is bound to, if any. */
  readonly pod: string | undefined;
}

/** A verified certificate without a SPIFFE ID. */
export interface NamedCertificate {
  readonly kind: 'certificate';
  /** Its subject, such as `CN=edge-7`. */
  readonly subject: string;
}

/** Returns the identity as people and logs know it. */
export function nameOfIdentity(identity: ClientIdentity): string {
  switch (identity.kind) {
    case 'spiffe':
      return identity.id;
    case 'service-account':
      return `system:serviceaccount:${identity.namespace}:${identity.name}`;
    case 'certificate':
      return identity.subject;
  }
}

const userName = /^system:serviceaccount:([a-z0-9.-]{1,253}):([a-z0-9.-]{1,253})$/;

/** Returns the service account of a user name of the API server; `undefined` if the user is not a service account. */
export function serviceAccountOf(user: string, pod: string | undefined): ServiceAccount | undefined {
  const [, namespace, name] = userName.exec(user) ?? [];
  if (namespace === undefined || name === undefined) return undefined;
  return { kind: 'service-account', namespace, name, pod };
}
