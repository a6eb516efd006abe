import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errorCode } from '../../../src/http2/frame.ts';
import * as fc from '../../kit/fast-check.ts';
import { honestFrames, hostileBytes } from './client-frames.ts';
import { readOutput } from './read-output.ts';
import { largeLength, makeRecordedServer, makeSharedServer } from './recorded-server.ts';
import type { RecordedServer } from './recorded-server.ts';

const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 20_000 })), {
  minLength: 1,
  maxLength: 30,
});

/** Cuts bytes into parts of these lengths, in turns. */
function split(bytes: Buffer, partLengths: readonly number[]): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const length = partLengths[index % partLengths.length] ?? 1;
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  return parts;
}

/** What a conversation comes to, however it was split. */
function summary(recorded: RecordedServer): unknown {
  return [[...recorded.events], recorded.failure(), recorded.output().toString('latin1')];
}

/** Feeds one connection. Returns it after the end of the tick, with all output accepted. */
function converse(parts: readonly Buffer[], isLate: () => boolean = () => false): RecordedServer {
  const server = makeSharedServer();
  const recorded = makeRecordedServer(server, isLate);
  for (const part of parts) recorded.receive(part);
  server.tick();
  recorded.drain();
  server.tick();
  recorded.drain();
  return recorded;
}

suite('random conversations', () => {
  test('client that follows the rules: the connection stays open, and its output is well-formed', () => {
    fc.assert(
      fc.property(honestFrames, (frames) => {
        const recorded = converse(frames);
        assert.equal(recorded.failure(), undefined);
        for (const [id, { blocks, end, body }] of readOutput(recorded.output())) {
          assert.match(blocks[0] ?? '', /^(?::status: 200, content-type: application\/grpc|$)/);
          if (end === 'END_STREAM') assert.match(blocks.at(-1) ?? '', /grpc-status: (?:0|12)/);
          const path = recorded.events.get(id)?.[0];
          if (path !== 'request /large') continue;
          assert.ok(body.every((byte) => byte === 'l'.charCodeAt(0)));
          if (end === 'END_STREAM') assert.equal(body.length, largeLength);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('any split of any conversation: the same events and the same output', () => {
    fc.assert(
      fc.property(hostileBytes, lengths, (bytes, partLengths) => {
        assert.deepEqual(summary(converse(split(bytes, partLengths))), summary(converse([bytes])));
      }),
      { numRuns: 300 },
    );
  });

  test('changed conversation: no internal error, well-formed output, and every stream ends once', () => {
    fc.assert(
      fc.property(hostileBytes, lengths, (bytes, partLengths) => {
        const recorded = converse(split(bytes, partLengths));
        const { code, reason } = recorded.failure() ?? {};
        assert.ok(code !== errorCode.internalError, reason ?? '');
        readOutput(recorded.output());
        recorded.connection.gone();
        assert.equal(recorded.connection.streamCount, 0);
      }),
      { numRuns: 600 },
    );
  });
});

suite('shared buffers', () => {
  test('connections that share buffers, with kernels that accept bytes late: each gets its own bytes', () => {
    const connection = fc.tuple(honestFrames, lengths);
    fc.assert(
      fc.property(fc.array(connection, { minLength: 2, maxLength: 4 }), fc.array(fc.nat(9)), (all, turns) => {
        const server = makeSharedServer();
        const conversations = all.map(([frames, partLengths]) => split(Buffer.concat(frames), partLengths));
        let turn = 0;
        const next = (): number => turns[turn++ % Math.max(1, turns.length)] ?? 0;
        const servers = conversations.map(() => makeRecordedServer(server, () => next() < 3));
        const longest = Math.max(...conversations.map(({ length }) => length));
        for (let index = 0; index < longest; index += 1)
          for (const [at, recorded] of servers.entries()) {
            const part = conversations[at]?.[index];
            if (part !== undefined) recorded.receive(part);
            if (next() < 3) recorded.drain();
            if (next() < 2) server.tick();
          }
        for (let round = 0; round < 3; round += 1) {
          server.tick();
          for (const recorded of servers) recorded.drain();
        }
        for (const [at, recorded] of servers.entries()) {
          const alone = converse(conversations[at] ?? []);
          assert.deepEqual(summary(recorded), summary(alone));
        }
      }),
      { numRuns: 150 },
    );
  });
});
