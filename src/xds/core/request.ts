/** What a proxy says about itself, as far as it is read. */
export interface XdsNode {
  readonly id: string;
  readonly cluster: string;
  /** The metadata as plain JSON values. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly userAgentName: string;
  /** `1.40.0`, or empty. */
  readonly userAgentVersion: string;
}

/** What a peer is taken for that never said who it is. */
export const anonymousNode: XdsNode = {
  id: '',
  cluster: '',
  metadata: {},
  userAgentName: '',
  userAgentVersion: '',
};

/** Why a proxy refused a response. */
export interface ErrorDetail {
  /** A gRPC status code; Envoy says 13. */
  readonly code: number;
  readonly message: string;
}

/** A decoded `DiscoveryRequest`: the whole subscription of one type, each time. */
export interface SotwRequest {
  readonly kind: 'sotw';
  readonly node: XdsNode | undefined;
  readonly typeUrl: string;
  readonly names: readonly string[];
  readonly version: string;
  readonly nonce: string;
  readonly error: ErrorDetail | undefined;
}

/** A decoded `DeltaDiscoveryRequest`: what changes in the subscription of one type. */
export interface DeltaRequest {
  readonly kind: 'delta';
  readonly node: XdsNode | undefined;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  readonly error: ErrorDetail | undefined;
}

/** A decoded request of either protocol. */
export type XdsRequest = SotwRequest | DeltaRequest;

/** State of the world, or incremental. */
export type Protocol = XdsRequest['kind'];
