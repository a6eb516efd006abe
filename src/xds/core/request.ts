/** The fields of a node that are decoded. A text that the client did not send is empty. */
export interface XdsNode {
  readonly id: string;
  readonly cluster: string;
  /** The metadata as plain JSON values. With `metadataNames`: only these fields, as strings. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly userAgentName: string;
  /** Such as `1.40.0`; may be empty. */
  readonly userAgentVersion: string;
}

/** The node of a client whose first request has no node. */
export const anonymousNode: XdsNode = {
  id: '',
  cluster: '',
  metadata: {},
  userAgentName: '',
  userAgentVersion: '',
};

/** The reason of a NACK. */
export interface ErrorDetail {
  /** A gRPC status code. Envoy sends 13. */
  readonly code: number;
  readonly message: string;
}

/** A decoded `DiscoveryRequest`. Each one contains the whole subscription to its type. */
export interface SotwRequest {
  readonly kind: 'sotw';
  readonly node: XdsNode | undefined;
  readonly typeUrl: string;
  readonly names: readonly string[];
  readonly version: string;
  readonly nonce: string;
  readonly error: ErrorDetail | undefined;
}

/** A decoded `DeltaDiscoveryRequest`. It contains the changes of the subscription to its type. */
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

/** State of the world (`sotw`) or incremental xDS (`delta`). */
export type Protocol = XdsRequest['kind'];

/** The properties of a node that a stream keeps. */
export interface Peer {
  readonly nodeId: string;
  readonly group: string;
  /** Such as `envoy 1.40.0`; empty if the node has no user agent. */
  readonly userAgent: string;
}

/** Returns what a stream keeps of the node of its first request. */
export function peerOf(node: XdsNode, group: string): Peer {
  const userAgent = `${node.userAgentName} ${node.userAgentVersion}`.trim();
  return { nodeId: node.id, group, userAgent };
}
