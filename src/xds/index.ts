/**
 * An xDS control plane for any type URL: a store of named resources, the protocol (delta and state of the world,
 * with the rules that Envoy's behaviour requires) as pure state machines, and the gRPC services that serve it.
 */
export { createResource, createResourceSet, lookup, wildcardNames } from './core/resource.ts';
export type { Resource, ResourceSet } from './core/resource.ts';
export { combinedVersion, contentVersion } from './core/content-version.ts';
export type { Versioned } from './core/content-version.ts';
export { createSnapshotStore } from './core/snapshot-store.ts';
export type { Change, SnapshotStore, SnapshotView } from './core/snapshot-store.ts';
export { anonymousNode } from './core/request.ts';
export type { ErrorDetail, Protocol, XdsNode } from './core/request.ts';
export { defaultStreamLimits } from './core/check-request.ts';
export type { StreamLimits } from './core/check-request.ts';
export type { RefusalMemoryLimits } from './core/refusal-memory.ts';
export type { ResponseContent } from './core/encode.ts';
export type { Rate } from './rate/token-bucket.ts';
export type { Outgoing, TypeOptions } from './core/type-state.ts';
export type { Acked, Dropped, NameAndVersion, Nacked, Quoted, RequestKind } from './core/session-event.ts';
export { typeUrls } from './core/type-urls.ts';
export type { PeerCertificate, PeerMetadata, XdsPeer } from './core/peer.ts';
export type { Allowed, Authorization, Authorize, Refused } from './server/authorize.ts';
export { addXdsServices } from './server/xds-server.ts';
export type { CallGuard, DirectServer } from './server/direct-server.ts';
export type { NodeRefusal, XdsServer, XdsServerOptions } from './server/xds-server.ts';
export { transportDefaults, xdsServerOptions } from './server/server-options.ts';
export type { TransportOptions } from './server/server-options.ts';
export { combineObservers, refusedStreams } from './server/observer.ts';
export { StreamNotes } from './server/stream-notes.ts';
export { closedConnections, defaultClientLimits } from './server/client-connections.ts';
export type { ClientLimits, ClosedConnection } from './server/client-connections.ts';
export type {
  Denied,
  ObservedFetch,
  ObservedRequest,
  RefusedStream,
  StreamEnd,
  StreamInfo,
  XdsObserver,
} from './server/observer.ts';
export type { FannedOut } from './server/hub.ts';
export { discoveryServices } from './server/services.ts';
export type { DiscoveryService, Transport } from './server/services.ts';
export { protoDirectory, protoFiles, protoOptions } from './server/proto-files.ts';
