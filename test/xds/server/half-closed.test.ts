import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { suite, test } from 'node:test';
import { ScriptedProxy } from '../../../src/frontend/warm-up/scripted-proxy.ts';
import { frameType } from '../../../src/http2/frame.ts';
import { GrpcServer } from '../../../src/transport/grpc-server.ts';
import { addXdsServices, createSnapshotStore, typeUrls } from '../../../src/xds/index.ts';
import { frame } from '../../http2/rig.ts';
import { poison } from '../../kit/poison.ts';
import { setOf } from '../vocabulary.ts';

const proxy = new ScriptedProxy('delta', { typeUrl: typeUrls.secret, name: 'a' });
const cancel = Buffer.from([0, 0, 0, 8]);

/** A connection of the own transport that records the writes of the server, and the ends of its streams. */
class RecordedConnection extends Duplex {
  readonly writes: Buffer[] = [];
  readonly ends: string[] = [];
  readonly #server: GrpcServer;

  constructor() {
    super({ allowHalfOpen: false });
    this.#server = new GrpcServer({ afterBufferUse: poison });
    const store = createSnapshotStore();
    store.set('', typeUrls.secret, setOf({ a: '1' }));
    addXdsServices(this.#server, store, {
      observer: { streamClosed: (_, { code, by }) => void this.ends.push(`${code} ${by}`) },
    });
    // It has the members of a socket that the transport uses.
    this.#server.attach(this as unknown as Socket);
  }

  /** Passes bytes to the server as one read, and waits until it has answered them. */
  async receive(bytes: Uint8Array): Promise<void> {
    this.push(bytes);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  }

  setNoDelay(): this {
    return this;
  }

  override _read(): void {
    // The test pushes.
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.writes.push(Buffer.from(bytes));
    done();
  }

  [Symbol.dispose](): void {
    this.#server.forceShutdown();
  }
}

/** Returns the types of the frames of a stream. */
function typesOn(streamId: number, bytes: Buffer): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes.readUInt32BE(at + 5) === streamId) types.push(bytes[at + 3] ?? -1);
  return types;
}

suite('half-closed stream of the own transport', () => {
  test('request and END_STREAM in one read: the response and the status leave in one write', async () => {
    using connection = new RecordedConnection();
    await connection.receive(proxy.subscribe('envoy'));
    connection.writes.length = 0;
    await connection.receive(proxy.subscribeAndEnd('envoy', 2));
    const { headers, data } = frameType;
    assert.equal(connection.writes.length, 1);
    for (const streamId of [3, 5])
      assert.deepEqual(typesOn(streamId, connection.writes[0] ?? Buffer.alloc(0)), [headers, data, headers]);
    assert.deepEqual(connection.ends, ['OK client', 'OK client']);
  });

  test('RST_STREAM in the same read, as grpc-js sends to cancel: the stream was cancelled', async () => {
    using connection = new RecordedConnection();
    await connection.receive(proxy.subscribe('envoy'));
    const reset = frame(frameType.rstStream, 0, 3, cancel);
    await connection.receive(Buffer.concat([proxy.subscribeAndEnd('envoy', 1), reset]));
    assert.deepEqual(connection.ends, ['CANCELLED client']);
  });
});
