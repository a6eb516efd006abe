import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { EventStream } from '../../src/page/event-stream.ts';
import { listen } from '../../src/page/event-stream.ts';

type Heard = (event: MessageEvent<string>) => void;

/** A page that listens to streams of the test, and a clock that the test moves. */
function rig(probe: () => Promise<void>) {
  let now = 0;
  const planned: { readonly at: number; readonly work: () => void }[] = [];
  const streams: { readonly emit: (type: string, data?: object) => void; isClosed: boolean }[] = [];
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
    { open, probe, after: (wait, work) => planned.push({ at: now + wait, work }), now: () => now },
  );
  return {
    stop,
    streams,
    log,
    pass: async (milliseconds: number): Promise<void> => {
      now += milliseconds;
      const due = planned.filter(({ at }) => at <= now);
      planned.splice(0, Infinity, ...planned.filter(({ at }) => at > now));
      for (const { work } of due) work();
      await new Promise(setImmediate);
    },
  };
}

suite('the event stream of the page', () => {
  test('connection that broke without a sign: is lost as of the last sign of the server, and opened again', async () => {
    let answers = true;
    const { streams, log, pass } = rig(() =>
      answers ? Promise.resolve() : Promise.reject(new Error('silent')),
    );
    streams[0]?.emit('open');
    streams[0]?.emit('state', { changes: 1 });
    await pass(15_000);
    await pass(5_000);
    streams[0]?.emit('rollout', { mesh: 'default' });
    answers = false;
    await pass(10_000);
    assert.deepEqual(log, ['connected', 'state 1', 'rollout default', 'lost 20000']);
    assert.equal(streams[0]?.isClosed, true);
    answers = true;
    await pass(3_000);
    streams[1]?.emit('open');
    assert.deepEqual([streams.length, log.at(-1)], [2, 'connected']);
    // The first stream has no more probes.
    answers = false;
    await pass(15_000);
    assert.deepEqual(log.slice(-1), ['lost 33000']);
    await pass(3_000);
    assert.equal(streams.length, 3);
  });

  test('server that answers: the stream stays', async () => {
    const { streams, log, pass } = rig(() => Promise.resolve());
    streams[0]?.emit('open');
    for (let probes = 0; probes < 10; probes += 1) await pass(15_000);
    assert.deepEqual([streams.length, log], [1, ['connected']]);
  });

  for (const [when, wait] of [
    ['while it is open', 0],
    ['before it is opened again', 15_000],
    ['after it was opened again', 18_000],
  ] as const)
    test(`end of listening ${when}: all streams are closed, and no other is opened`, async () => {
      let answers = true;
      const { streams, log, pass, stop } = rig(() =>
        answers ? Promise.resolve() : Promise.reject(new Error('silent')),
      );
      streams[0]?.emit('open');
      answers = false;
      for (let waited = 0; waited < wait; waited += 3_000) await pass(3_000);
      const before = [streams.length, log.length];
      stop();
      assert.equal(
        streams.every(({ isClosed }) => isClosed),
        true,
      );
      await pass(60_000);
      await pass(60_000);
      assert.deepEqual([streams.length, log.length], before);
    });
});
