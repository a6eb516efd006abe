import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { EventStream } from '../../src/page/event-stream.ts';
import { listen } from '../../src/page/event-stream.ts';

type Heard = (event: MessageEvent<string>) => void;

/** A page that listens to streams of the test, and a clock that the test moves. */
function rig() {
  let now = 0;
  let planned: { readonly at: number; readonly work: () => void }[] = [];
  const streams: {
    readonly emit: (type: string, data?: object) => void;
    readyState: number;
    isClosed: boolean;
  }[] = [];
  const log: string[] = [];
  const open = (): EventStream => {
    const listeners = new Map<string, Heard>();
    const stream = {
      isClosed: false,
      readyState: 1,
      emit: (type: string, data: object = {}) =>
        listeners.get(type)?.({ data: JSON.stringify(data) } as MessageEvent<string>),
      addEventListener: (type: string, listener: Heard) => void listeners.set(type, listener),
      close: () => void (stream.isClosed = true),
    };
    streams.push(stream);
    return stream;
  };
  const stop = listen(
    {
      state: ({ changes }) => log.push(`state ${changes}`),
      rollout: ({ mesh }) => log.push(`rollout ${mesh}`),
      connected: () => log.push('connected'),
      lost: (at) => log.push(`lost ${at}`),
    },
    { open, after: (wait, work) => planned.push({ at: now + wait, work }), now: () => now },
  );
  /** Moves the clock, and runs what is due then: each timer once, as after a sleep. */
  const jump = (milliseconds: number): void => {
    now += milliseconds;
    const due = planned.filter(({ at }) => at <= now);
    planned = planned.filter(({ at }) => at > now);
    for (const { work } of due) work();
  };
  return {
    stop,
    streams,
    log,
    jump,
    /** Lets time pass while the page runs. */
    pass: (milliseconds: number): void => {
      for (let passed = 0; passed < milliseconds; passed += 500) jump(500);
    },
  };
}

const heartbeat = { intervalSeconds: 5 };

suite('the event stream of the page', () => {
  test('silent stream: is lost as of its last event after 15 to 20 s, and opened again', () => {
    const { streams, log, pass } = rig();
    streams[0]?.emit('open');
    streams[0]?.emit('alive', heartbeat);
    streams[0]?.emit('state', { changes: 1 });
    pass(4_000);
    streams[0]?.emit('alive', heartbeat);
    pass(5_500);
    streams[0]?.emit('rollout', { mesh: 'default' });
    pass(15_000);
    assert.deepEqual(log, ['connected', 'state 1', 'rollout default']);
    pass(5_000);
    assert.deepEqual(log.slice(3), ['lost 9500']);
    assert.equal(streams[0]?.isClosed, true);
    pass(3_000);
    streams[1]?.emit('open');
    assert.deepEqual([streams.length, log.at(-1)], [2, 'connected']);
    // The checks of the first stream have ended: those of the second count alone.
    streams[1]?.emit('alive', heartbeat);
    pass(14_500);
    assert.equal(log.at(-1), 'connected');
    pass(5_500);
    assert.match(log.at(-1) ?? '', /^lost /);
  });

  test('stream with heartbeats only: stays', () => {
    const { streams, log, pass } = rig();
    streams[0]?.emit('open');
    for (let beats = 0; beats < 20; beats += 1) {
      streams[0]?.emit('alive', heartbeat);
      pass(5_000);
    }
    assert.deepEqual([streams.length, log], [1, ['connected']]);
  });

  test('server with another interval: is lost after four checks at this interval', () => {
    const { streams, log, pass } = rig();
    streams[0]?.emit('open');
    streams[0]?.emit('alive', { intervalSeconds: 60 });
    pass(180_000);
    assert.deepEqual(log, ['connected']);
    pass(7_000);
    assert.deepEqual(log, ['connected', 'lost 0']);
  });

  test('earlier server without heartbeats: its silence says nothing, and the stream stays', () => {
    const { streams, log, pass } = rig();
    streams[0]?.emit('open');
    streams[0]?.emit('state', { changes: 1 });
    pass(3_600_000);
    assert.deepEqual([streams.length, log], [1, ['connected', 'state 1']]);
  });

  test('upgrade: each connection shows whether its server sends heartbeats', () => {
    const { streams, log, pass } = rig();
    const [stream] = streams;
    assert.ok(stream !== undefined);
    // The browser connects again by itself, with the same object.
    const reconnect = (): void => {
      stream.readyState = 0;
      stream.emit('error');
      stream.readyState = 1;
      stream.emit('open');
    };
    stream.emit('open');
    stream.emit('alive', heartbeat);
    reconnect();
    stream.emit('state', { changes: 1 });
    pass(60_000);
    assert.deepEqual(log.slice(-2), ['connected', 'state 1']);
    reconnect();
    // The connection without heartbeats was good until its end.
    assert.deepEqual(log.slice(-2), ['lost 60000', 'connected']);
    stream.emit('alive', heartbeat);
    stream.emit('state', { changes: 2 });
    pass(20_000);
    assert.equal(log.at(-1), 'lost 60000');
  });

  for (const [what, begin] of [
    ['is not opened', []],
    ['is opened, but brings no event', ['open']],
  ] as const)
    test(`stream that ${what}: is lost after 15 to 20 s, and opened again`, () => {
      const { streams, log, pass } = rig();
      for (const event of begin) streams[0]?.emit(event);
      pass(14_500);
      assert.equal(streams[0]?.isClosed, false);
      pass(5_500);
      assert.deepEqual([log.at(-1), streams[0]?.isClosed], ['lost 0', true]);
      pass(3_000);
      assert.equal(streams.length, 2);
    });

  test('reconnect of the browser after a long silence: has 15 s, and if it hangs the stream is opened again', () => {
    const { streams, pass } = rig();
    streams[0]?.emit('open');
    streams[0]?.emit('state', { changes: 1 });
    pass(3_600_000);
    streams[0]?.emit('error');
    pass(14_500);
    assert.equal(streams[0]?.isClosed, false);
    pass(8_500);
    assert.equal(streams.length, 2);
  });

  for (const before of [0, 4_500, 9_500])
    test(`tab that was frozen for an hour, ${before} ms after an event: stays if its next heartbeats are not missing`, () => {
      const { streams, log, pass, jump } = rig();
      streams[0]?.emit('open');
      streams[0]?.emit('alive', heartbeat);
      pass(before);
      // The timer that was due meanwhile may run before the events that arrived meanwhile.
      jump(3_600_000);
      pass(9_500);
      streams[0]?.emit('alive', heartbeat);
      pass(5_000);
      assert.deepEqual(log, ['connected']);
    });

  test('timers once a minute, as in a hidden tab: the stream stays while it has heartbeats', () => {
    const { streams, log, jump } = rig();
    streams[0]?.emit('open');
    for (let minutes = 0; minutes < 10; minutes += 1) {
      streams[0]?.emit('alive', heartbeat);
      jump(60_000);
    }
    assert.deepEqual(log, ['connected']);
  });

  test('computer that slept, and lost the connection: shows the age of its data within 20 s', () => {
    const { streams, log, pass, jump } = rig();
    streams[0]?.emit('open');
    streams[0]?.emit('alive', heartbeat);
    jump(28_800_000);
    pass(20_000);
    assert.deepEqual(log, ['connected', 'lost 0']);
  });

  test('stream that breaks: is lost as of its last event, also after further attempts', () => {
    const { streams, log, pass } = rig();
    streams[0]?.emit('open');
    streams[0]?.emit('alive', heartbeat);
    pass(2_000);
    streams[0]?.emit('error');
    pass(2_000);
    const [stream] = streams;
    assert.ok(stream !== undefined);
    stream.readyState = 2;
    stream.emit('error');
    pass(3_000);
    streams[1]?.emit('error');
    assert.deepEqual(log, ['connected', 'lost 0', 'lost 0', 'lost 0']);
  });

  for (const [when, wait] of [
    ['while it is open', 0],
    ['before it is opened again', 20_000],
    ['after it was opened again', 23_000],
  ] as const)
    test(`end of listening ${when}: all streams are closed, and no other is opened`, () => {
      const { streams, log, pass, stop } = rig();
      streams[0]?.emit('open');
      streams[0]?.emit('alive', heartbeat);
      pass(wait);
      const before = [streams.length, log.length];
      assert.deepEqual(before, [wait === 23_000 ? 2 : 1, wait === 0 ? 1 : 2]);
      stop();
      assert.equal(
        streams.every(({ isClosed }) => isClosed),
        true,
      );
      pass(120_000);
      assert.deepEqual([streams.length, log.length], before);
    });
});
