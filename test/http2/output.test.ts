import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errorCode, frameType } from '../../src/http2/frame.ts';
import { Output } from '../../src/http2/output.ts';
import { OutputPool } from '../../src/http2/output-pool.ts';
import { frame, makeConnection, preface } from './rig.ts';

const ignoring = { fail: () => undefined, outputExceeded: () => undefined, streamCount: 1 };

/** Writes a frame through a pool whose socket then has the given number of unsent bytes. */
function writeOne(unsent: number): { before: Buffer; after: Buffer; used: readonly string[] } {
  const used: string[] = [];
  const pool = new OutputPool(
    (work) => work(),
    (bytes) => used.push(bytes.toString('latin1')),
  );
  const before = pool.buffer;
  const wire = {
    unsent: 0,
    write() {
      this.unsent = unsent;
    },
    end: () => undefined,
  };
  const output = new Output(pool, wire, ignoring);
  output.begin();
  output.reserve(3).write('abc', output.at, 'latin1');
  output.end();
  return { before, after: pool.buffer, used };
}

suite('shared output buffer', () => {
  test('the kernel accepted all bytes: the buffer is used again, after the call about its last use', () => {
    const { before, after, used } = writeOne(0);
    assert.equal(after, before);
    assert.deepEqual(used, ['abc']);
  });

  for (const unsent of [1, 3])
    test(`the socket keeps ${unsent} of the bytes: it keeps the buffer, and the pool gets another`, () => {
      const { before, after, used } = writeOne(unsent);
      assert.notEqual(after, before);
      assert.deepEqual(used, []);
      assert.equal(before.toString('latin1', 0, 3), 'abc');
    });

  test('client that reads nothing: its many short writes keep two buffers at most, and their bytes', () => {
    const pool = new OutputPool(
      (work) => work(),
      (bytes) => bytes.fill(0),
    );
    const kept: Buffer[] = [];
    const wire = {
      unsent: 0,
      write(bytes: Buffer) {
        kept.push(bytes);
        this.unsent += bytes.length;
      },
      end: () => undefined,
    };
    const output = new Output(pool, wire, ignoring);
    for (let count = 0; count < 1000; count += 1) {
      output.begin();
      output.reserve(3).write('abc', output.at, 'latin1');
      output.end();
    }
    assert.equal(Buffer.concat(kept).toString('latin1'), 'abc'.repeat(1000));
    const memory = [...new Set(kept.map(({ buffer }) => buffer))].reduce((sum, b) => sum + b.byteLength, 0);
    assert.ok(memory <= 2 * pool.buffer.length, `${memory} bytes`);
  });
});

suite('output between reads', () => {
  /** Two outputs whose deferred work has not run. The second one belongs to a connection with `streamCount` streams. */
  function waiting(streamCount = 1) {
    const deferred: (() => void)[] = [];
    const written: string[] = [];
    const pool = new OutputPool((work) => deferred.push(work));
    const outputs = ['first', 'second'].map((name) => {
      const wire = { write: () => void written.push(name), unsent: 0, end: () => undefined };
      return new Output(pool, wire, name === 'first' ? ignoring : { ...ignoring, streamCount });
    });
    for (const output of outputs) output.send(Buffer.from('x'));
    const tick = (): void => {
      for (const work of deferred.splice(0)) work();
    };
    return { pool, outputs, written, tick };
  }

  test('end of the tick: is written', () => {
    const { written, tick } = waiting();
    assert.deepEqual(written, []);
    tick();
    assert.deepEqual(written, ['first', 'second']);
  });

  test('flush before: is written at once, and once', () => {
    const { pool, written, tick } = waiting();
    pool.flushSingle();
    assert.deepEqual(written, ['first', 'second']);
    tick();
    assert.deepEqual(written, ['first', 'second']);
  });

  test('flush before, a connection with two streams: is written at the end of the tick, once', () => {
    const { pool, outputs, written, tick } = waiting(2);
    pool.flushSingle();
    outputs[1]?.send(Buffer.from('y'));
    pool.flushSingle();
    assert.deepEqual(written, ['first']);
    tick();
    assert.deepEqual(written, ['first', 'second']);
  });

  test('output after a flush in the same tick: is written at the end of it', () => {
    const { pool, outputs, written, tick } = waiting();
    pool.flushSingle();
    outputs[0]?.send(Buffer.from('y'));
    tick();
    assert.deepEqual(written, ['first', 'second', 'first']);
  });
});

suite('callback of sent output that throws an error', () => {
  test('output at the end of a tick: the connection learns of it, and later connections are written', () => {
    const deferred: (() => void)[] = [];
    const pool = new OutputPool((work) => deferred.push(work));
    const [written, failed]: [string[], unknown[]] = [[], []];
    const outputs = ['first', 'second'].map((name) => {
      const wire = { write: () => void written.push(name), unsent: 0, end: () => undefined };
      return new Output(pool, wire, { ...ignoring, fail: (error) => failed.push(error) });
    });
    const broken = new Error('broken');
    outputs[0]?.whenSent({
      sent() {
        throw broken;
      },
    });
    for (const output of outputs) output.send(Buffer.from('x'));
    for (const work of deferred) work();
    assert.deepEqual(written, ['first', 'second']);
    assert.deepEqual(failed, [broken]);
  });

  test('output of a read: the connection is closed, and nothing is thrown', () => {
    const rig = makeConnection();
    rig.feed(preface);
    rig.connection.output.whenSent({
      sent() {
        throw new Error('broken');
      },
    });
    rig.feed(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
    assert.equal(rig.connection.isClosed, true);
    assert.deepEqual(rig.events, [`failed ${errorCode.internalError} broken`]);
  });
});

suite('output that waits when a read begins in the same tick', () => {
  /** An output that records the order in which bytes are sent, written, and reported. */
  function recorded() {
    const deferred: (() => void)[] = [];
    const [order, written]: [string[], string[]] = [[], []];
    const pool = new OutputPool((work) => deferred.push(work));
    const wire = {
      unsent: 0,
      write: (bytes: Buffer) => void written.push(bytes.toString()),
      end: () => undefined,
    };
    const output = new Output(pool, wire, ignoring);
    const send = (text: string): void => {
      order.push(text);
      output.send(Buffer.from(text));
    };
    const tick = (): void => {
      while (deferred.length > 0) for (const work of deferred.splice(0)) work();
    };
    return { pool, output, send, tick, order, written };
  }

  test('its listener sends more: all is written in the order in which it was sent', () => {
    const { output, send, tick, order, written } = recorded();
    send('waits');
    output.whenSent({ sent: () => send(' follows it') });
    output.begin();
    send(' read');
    output.end();
    tick();
    assert.equal(written.join(''), order.join(''));
  });

  test('flush within the read: nothing of the read counts as sent before it is written', () => {
    const { pool, output, send, tick, written } = recorded();
    let writtenBefore: string | undefined;
    send('waits');
    output.begin();
    send(' read');
    output.whenSent({ sent: () => (writtenBefore = written.join('')) });
    pool.flushSingle();
    output.end();
    tick();
    assert.equal(writtenBefore, 'waits read');
  });
});
