import type { ForcedStep } from '../model/forced-steps.ts';
import type { RotationMarks } from '../model/read-rotation.ts';
import type { Certificate } from '../x509/certificate.ts';

/** A CA certificate, as far as the gates need it. Times are epoch milliseconds. */
export type CaFacts = Pick<
  Certificate,
  'fingerprint' | 'keyHash' | 'subject' | 'issuer' | 'notBefore' | 'notAfter'
>;

/** A served CA certificate of the trust domain. */
export interface ServedCa extends CaFacts {
  /** True if proxies get it as it is listed; false for an intermediate that is served as a trust anchor. */
  readonly asListed: boolean;
  /**
   * The fingerprints of the served CA certificates of the trust domain that have signed it; `undefined` for a root, and
   * if the server does not know or does not say.
   */
  readonly issuedBy?: readonly string[] | undefined;
  /** The resources that list it, as `mesh/namespace/name`. */
  readonly resources: readonly string[];
}

/** The owner of a resource if it is not known whether it has one. It shuts the gate about owners. */
export const unknownOwner = 'unknown';

/** The resource with the CA that is replaced. */
export interface RotatingResource {
  /** `mesh/namespace/name`. */
  readonly identity: string;
  /** The usable CA certificates that it lists. */
  readonly listed: readonly CaFacts[];
  /** The owner that would list a removed CA again, if there is one; `unknownOwner` if the server does not say. */
  readonly ownedBy: string | undefined;
  /** The commands that passed gates by force before. */
  readonly forced?: readonly ForcedStep[] | undefined;
}

/** A proxy without a connection. */
interface GoneProxy {
  readonly node: string;
  /** When its last connection ended, in epoch milliseconds. */
  readonly goneAt: number;
  /** True if it acknowledged the served version before. False if it did not, or if this is unknown. */
  readonly hasServed: boolean;
}

/** A consumer of the bundle endpoint, as one server knows it. */
export interface ConsumerFacts {
  /** The address and the program of the consumer: equal at all servers. */
  readonly name: string;
  /** `current` if it was confirmed that the consumer has the published bundle; `sent` if it was only sent to it. */
  readonly state: 'current' | 'sent' | 'behind' | 'unknown';
  /** Milliseconds since its last fetch from this server. */
  readonly ageMs: number;
  /** Milliseconds between two of its fetches; `undefined` if it is not known. */
  readonly pollMs: number | undefined;
}

/** The bundle of the trust domain that a server publishes, and who fetched it. */
export interface PublicationFacts {
  /** Equal at all servers that publish the same content. */
  readonly etag: string;
  /** Refresh hint, in milliseconds. */
  readonly hintMs: number;
  /** Milliseconds since this process published the content first. */
  readonly unchangedMs: number;
  readonly consumers: readonly ConsumerFacts[];
}

/** How proxies prove who they are. */
export interface AuthenticationFacts {
  readonly methods: readonly string[];
  /** True if other machines can reach the xDS port. */
  readonly beyondHost: boolean;
  /** True if rules limit the node ids of every client of the mesh; `undefined` if the server does not say. */
  readonly limitsNodes: boolean | undefined;
}

/** The answer of one server about a mesh and one of its trust domains. */
export type ServerFacts =
  { readonly kind: 'unreachable'; readonly server: string; readonly reason: string } | AnsweredFacts;

/** The answers of one server. Times are epoch milliseconds. */
export interface AnsweredFacts {
  readonly kind: 'answered';
  readonly server: string;
  /** Why it is not ready; `undefined` if it is. */
  readonly notReady: string | undefined;
  /** The time of the answer by the clock of the server; `undefined` if it does not say. */
  readonly at?: number | undefined;
  /** When the server started; `undefined` if it does not say. */
  readonly startedAt: number | undefined;
  /** The served version of the mesh, and when it was published; `undefined` for an unknown mesh. */
  readonly served: { readonly version: string; readonly since: number } | undefined;
  /** The served CA certificates of the trust domain. */
  readonly cas: readonly ServedCa[];
  /** Fingerprints of listed CA certificates of the trust domain that are not served because they are distrusted. */
  readonly distrusted?: readonly string[] | undefined;
  /** True if the CA certificates of the mesh exceed the limit, so that a listed one may be missing in a secret. */
  readonly overLimit: boolean;
  /** True if the mass-loss guard holds the trust domain. */
  readonly held: boolean;
  /** Other rotations of the trust domain: `resource: old → new`. */
  readonly rotations: readonly KnownRotation[];
  readonly proxies: {
    readonly connected: number;
    /** Connected proxies that have acknowledged the served version. */
    readonly acked: number;
    /** Proxies without a connection that have not acknowledged it, or about which this is unknown. */
    readonly lost: number;
    readonly refused: number;
    /** Lost proxies of which only the number is known. */
    readonly forgotten: number;
    /** False: a worker did not answer, and its proxies are missing. */
    readonly complete: boolean;
    /** Some of the proxies that lack the served version, by node id or address. */
    readonly lagging: readonly string[];
  };
  readonly gone: readonly GoneProxy[];
  /**
   * Proxies that left, perhaps without the served version, and that the server does not list any more. `undefined`: the
   * server does not say.
   */
  readonly unlisted: { readonly count: number; readonly lastAt: number } | undefined;
  /** How proxies prove who they are; `undefined` if the server does not say. */
  readonly authentication: AuthenticationFacts | undefined;
  /**
   * `undefined`: the server does not publish the trust domain. `withheld`: the served CA certificates are not published
   * yet. `unknown`: its release does not say what consumers have confirmed.
   */
  readonly publication: PublicationFacts | 'withheld' | 'unknown' | undefined;
  /** What access logs of proxies say. `undefined`: the server takes none. */
  readonly observed?: ServerObservation | undefined;
}

/** The issuers in the access logs that a server takes, for one mesh. Times are epoch milliseconds. */
export interface ServerObservation extends Observation {
  /** When the server began to count; `undefined` if it has not. */
  readonly since: number | undefined;
  /** Entries with the fingerprint of an issuer. */
  readonly entries: number;
  /** Entries without one. */
  readonly without: number;
  /** Proxies that sent entries with one within the last hour. */
  readonly nodes: number;
  /** When entries were last lost; `undefined` if none were. */
  readonly lostAt: number | undefined;
}

/** A rotation that a server knows. */
export interface KnownRotation {
  readonly resource: string;
  readonly old: string;
  readonly new: string;
  /**
   * The times, the lifetime of leaves and the CA certificates that the server has read of the resource: equal at all
   * servers that have read the same version of it.
   */
  readonly reading?: string | undefined;
}

/** When an issuer was last seen in access logs, by the fingerprint of its certificate. Epoch milliseconds. */
export interface Observation {
  readonly lastSeen: ReadonlyMap<string, number>;
  /** When an issuer was last seen that is not served to the mesh; `undefined` if none was. */
  readonly unknownAt?: number | undefined;
}

/** The operator's options for the gates. */
export interface GateOptions {
  /** Minimum number of connected proxies. */
  readonly proxies: number;
  /** Milliseconds for which a proxy that left counts. */
  readonly disconnectWindowMs: number;
  /**
   * Milliseconds for which a changed bundle must be published; `undefined` for three times the refresh hint, or three
   * times the interval of the slowest known consumer if that is longer.
   */
  readonly consumerWindowMs?: number | undefined;
  /** Milliseconds for which the old issuer must not have been seen. */
  readonly quietMs: number;
  /** Milliseconds that are added to the lifetime of leaves, for clocks that differ. */
  readonly clockSkewMs: number;
}

/** The defaults of `GateOptions`, which the server uses. */
export const usualGateOptions: GateOptions = {
  proxies: 1,
  disconnectWindowMs: 3_600_000,
  quietMs: 3_600_000,
  clockSkewMs: 300_000,
};

/** The certificate that is to be added, or the reason why it cannot be served. */
export type NewCa =
  | {
      readonly kind: 'usable';
      readonly ca: CaFacts;
      readonly selfSigned: boolean;
      /** Whether the names of all CAs fit into a TLS handshake: if those of others leave it, or not at all. */
      readonly names: 'fit' | 'displace-others' | 'too-long';
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** All that the gates of a step depend on. */
export interface GateInput {
  readonly resource: RotatingResource;
  /** The rotation that the annotations of the resource describe, or the one that is to be started. */
  readonly marks: RotationMarks;
  /** For the step `start`: the new certificate, and what the annotations of the resource say before. */
  readonly newCa?: NewCa | undefined;
  readonly before?: RotationMarks | undefined;
  readonly servers: readonly ServerFacts[];
  readonly observation?: Observation | undefined;
  readonly options: GateOptions;
  /** Epoch milliseconds: the earliest of the clocks that are known. */
  readonly now: number;
  /** The latest of them; absent if only one is known. */
  readonly latest?: number | undefined;
}
