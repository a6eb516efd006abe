/**
 * What the compiler accepts from an embedder of the library, and what it refuses. Nothing here runs: `npm run
 * typecheck` checks it against the sources, and `package.test.ts` against the types of the package.
 */
import { Server } from '@grpc/grpc-js';
import {
  StreamNotes,
  addXdsServices,
  combineObservers,
  createResource,
  createResourceSet,
  createSnapshotStore,
  lookup,
  protoFiles,
  protoOptions,
  refusedStreams,
  typeUrls,
  xdsServerOptions,
} from '../../../src/xds/index.ts';
import type {
  Authorization,
  Authorize,
  Change,
  RefusedStream,
  Resource,
  ResourceSet,
  SnapshotStore,
  StreamEnd,
  XdsNode,
  XdsObserver,
  XdsPeer,
  XdsServer,
} from '../../../src/xds/index.ts';

/** Compiles if both types are the same. */
type Same<One, Other> = [One] extends [Other] ? ([Other] extends [One] ? true : false) : false;

export function embed(): unknown {
  const store: SnapshotStore = createSnapshotStore();
  const resource: Resource = createResource('one', new Uint8Array());
  const set: ResourceSet = createResourceSet([resource], { wildcard: ['one'] });
  store.set('group', typeUrls.cluster, set);
  store.setDefault(typeUrls.secret, () => set);
  using _subscription: Disposable = store.subscribe(({ names }: Change) => names);
  const found: Resource | undefined = lookup(set, 'one');
  const reasons: readonly RefusedStream[] = refusedStreams;
  const url: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret' = typeUrls.secret;
  const sameUnions: readonly [
    Same<RefusedStream, 'draining' | 'too-many' | 'too-many-calls' | 'unknown-method' | 'no-request'>,
    Same<StreamEnd['by'], 'client' | 'silence' | 'server'>,
  ] = [true, true];
  const files: readonly string[] = protoFiles;
  const directories: readonly string[] = protoOptions.includeDirs;

  // A type of resources that the library does not know is served as any other.
  store.set('group', 'type.example.com/my.Type', set);

  // The store and its sets are read-only to others, and a resource is replaced, never changed.
  // @ts-expect-error: a resource is immutable
  resource.body = new Uint8Array();
  // @ts-expect-error: a set is immutable
  set.resources = new Map();
  // @ts-expect-error: a resource has a version
  createResourceSet([{ name: 'two', body: new Uint8Array() }]);
  // @ts-expect-error: a body is the encoded message
  createResource('two', { cluster: 'two' });

  const versions = new StreamNotes<string | undefined>();
  const log: XdsObserver = {
    acked(stream, { name, version, unconfirmed }) {
      const before: string | undefined = versions.get(stream);
      versions.set(stream, version);
      return [stream.nodeId, name, version, unconfirmed, before];
    },
    nacked: ({ nodeId }, { resources, code, message }) => [nodeId, resources.length, code, message],
    streamClosed: (_stream, { by, code }) => [by, code],
  };
  // @ts-expect-error: there is no such event
  const misspelt: XdsObserver = { ackked: () => undefined };

  const server = new Server(xdsServerOptions({ keepaliveMs: 1_000 }));
  const xds: XdsServer = addXdsServices(server, store, {
    groupOf: ({ id, metadata }: XdsNode) => (typeof metadata['mesh'] === 'string' ? metadata['mesh'] : id),
    types: { [typeUrls.cluster]: { unset: 'empty' }, [typeUrls.secret]: { oneResourcePerResponse: true } },
    observer: combineObservers([log, misspelt]),
  });
  // @ts-expect-error: an option that does not exist is an error
  addXdsServices(server, store, { group: () => '' });
  return [xds, files, directories, found, reasons, url, sameUnions];
}

export function decideAboutClients(server: Server, store: SnapshotStore): void {
  const later: Authorize = ({ metadata }, { id }) =>
    Promise.resolve({ kind: 'allowed', group: id, identity: String(metadata.get('authorization')[0]) });
  addXdsServices(server, store, { authorize: later });
  const atOnce: Authorize = ({ certificate }) =>
    certificate?.isVerified === true
      ? { kind: 'allowed' }
      : { kind: 'refused', code: 'UNAUTHENTICATED', reason: 'certificate', message: 'no certificate' };
  // @ts-expect-error A refusal has one of three codes.
  const other: Authorization = { kind: 'refused', code: 'INTERNAL', reason: 'x', message: 'x' };
  // @ts-expect-error A refusal has a reason, for metrics.
  const silent: Authorization = { kind: 'refused', code: 'UNAVAILABLE', message: 'x' };
  addXdsServices(server, store, {
    authorize: atOnce,
    groupOf: (_: XdsNode, { address }: XdsPeer) => address,
    observer: { denied: ({ reason, nodeId }) => [reason, nodeId, other, silent] },
  });
}
