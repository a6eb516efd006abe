import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addXdsServices, createSnapshotStore } from '../../../src/xds/index.ts';
import type { CallGuard } from '../../../src/xds/index.ts';
import { emptyServer } from './empty-server.ts';

/** The objects that one server creates for a connection and its stream. */
function objectsOfServer(): { readonly stream: object; readonly connection: object } {
  let guard: CallGuard | undefined;
  let arrival: object = {};
  addXdsServices({ ...emptyServer, guardWith: (given) => void (guard = given) }, createSnapshotStore());
  const session = {
    address: '127.0.0.1',
    isGone: false,
    whenGone: () => undefined,
    closeForExcess: () => undefined,
    retire: () => undefined,
  };
  guard?.enter(session, {
    path: '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets',
    contentType: 'application/grpc',
    isGone: false,
    isComplete: false,
    hasResponded: false,
    unreadBytes: 0,
    unsentBytes: 0,
    whenGone: (follower) => void (arrival = follower),
    whenReadable: () => undefined,
    whenComplete: () => undefined,
    followRequests: () => undefined,
    release: () => undefined,
    serve: () => undefined,
    refuse: () => undefined,
    reset: () => undefined,
    finish: () => undefined,
  });
  const connection: unknown = Reflect.get(arrival, 'connection');
  assert.ok(typeof connection === 'object' && connection !== null);
  return { stream: arrival, connection };
}

// A function that creates a class creates a different one for each server. V8 discards code that it has compiled for
// one class when it meets another.
test('objects of two servers: have the same classes', () => {
  const [first, second] = [objectsOfServer(), objectsOfServer()];
  assert.equal(first.stream.constructor, second.stream.constructor);
  assert.equal(first.connection.constructor, second.connection.constructor);
  assert.notEqual(first.stream.constructor, Object);
  assert.notEqual(first.connection.constructor, Object);
});
