import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { flag, frameType } from '../../src/http2/frame.ts';
import { frame, makeConnection, postBlock, preface } from './rig.ts';

function request(streamId: number): Buffer {
  return frame(frameType.headers, flag.endHeaders | flag.endStream, streamId, postBlock());
}

/** Asks a connection, with each request, to call back after the read. */
function askWithEachRequest(): ReturnType<typeof makeConnection> {
  const rig = makeConnection();
  rig.onRequest = ({ id }) => {
    rig.connection.afterRead(() => {
      rig.events.push(`read ${id}`);
      rig.connection.ping(id);
    });
  };
  return rig;
}

suite('after a read', () => {
  test('callbacks of a read: run in order after all of its frames, and their output is part of its one write', () => {
    const rig = askWithEachRequest();
    rig.feed(preface);
    rig.written.length = 0;
    rig.sent();
    rig.feed(Buffer.concat([request(1), request(3)]));
    assert.deepEqual(rig.events, [
      'request 1 POST /x',
      'ended 1',
      'request 3 POST /x',
      'ended 3',
      'read 1',
      'read 3',
    ]);
    assert.equal(rig.written.length, 1);
    assert.deepEqual(
      rig.sent().map(({ type }) => type),
      ['ping', 'ping'],
    );
  });

  test('callback of one read: is not called again after the next', () => {
    const rig = askWithEachRequest();
    rig.feed(Buffer.concat([preface, request(1)]));
    rig.feed(request(3));
    assert.deepEqual(
      rig.events.filter((event) => event.startsWith('read')),
      ['read 1', 'read 3'],
    );
  });

  test('between reads: returns false, and the callback is never called', () => {
    const rig = makeConnection();
    rig.feed(preface);
    let calls = 0;
    assert.equal(
      rig.connection.afterRead(() => (calls += 1)),
      false,
    );
    rig.feed(request(1));
    assert.equal(calls, 0);
  });

  test('within such a callback: the read is over, so it returns false', () => {
    const rig = makeConnection();
    rig.feed(preface);
    const answers: boolean[] = [];
    rig.onRequest = () => {
      rig.connection.afterRead(() => void answers.push(rig.connection.afterRead(() => undefined)));
    };
    rig.feed(request(1));
    assert.deepEqual(answers, [false]);
  });

  test('the client violates the protocol in the same read: the callback is called, and none is kept', () => {
    const rig = makeConnection();
    rig.feed(preface);
    let calls = 0;
    rig.onRequest = () => void rig.connection.afterRead(() => void (calls += 1));
    rig.feed(Buffer.concat([request(1), frame(frameType.goAway, 0, 1, Buffer.alloc(8))]));
    assert.equal(calls, 1);
    assert.ok(rig.ended());
  });

  test('a callback throws an error: the connection ends with INTERNAL_ERROR', () => {
    const rig = makeConnection();
    rig.feed(preface);
    rig.onRequest = () => {
      rig.connection.afterRead(() => {
        throw new Error('broken');
      });
    };
    rig.feed(request(1));
    assert.ok(rig.events.includes('failed 2 broken'));
  });
});
