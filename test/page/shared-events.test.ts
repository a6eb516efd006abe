import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ServerEvent } from '../../src/api/event-types.ts';
import type { SharedMessage } from '../../src/page/event-share.ts';
import type { Listener } from '../../src/page/event-stream.ts';
import { listenShared, listenWhileVisible } from '../../src/page/shared-events.ts';

interface Worker {
  readonly received: (message: SharedMessage) => void;
  readonly failed: () => void;
}

/** A tab with a worker of the test, and a clock that the test moves. */
function rig({ hasWorkers = true } = {}) {
  let now = 50_000;
  let pings = 0;
  let planned: { readonly at: number; readonly work: () => void }[] = [];
  const log: string[] = [];
  let worker: Worker | undefined;
  const listener: Listener = {
    connected: () => log.push('connected'),
    lost: (at) => log.push(`lost ${at}`),
    state: ({ changes }) => log.push(`state ${changes}`),
    rollout: ({ mesh }) => log.push(`rollout ${mesh}`),
  };
  listenShared(listener, {
    connect: (received, failed) => {
      if (!hasWorkers) return undefined;
      worker = { received, failed };
      return { ping: () => (pings += 1), close: () => log.push('closed') };
    },
    alone: () => log.push('alone'),
    after: (wait, work) => planned.push({ at: now + wait, work }),
    now: () => now,
  });
  return {
    log,
    pings: () => pings,
    send: (message: SharedMessage) => worker?.received(message),
    fail: () => worker?.failed(),
    pass: (milliseconds: number) => {
      now += milliseconds;
      const due = planned.filter(({ at }) => at <= now);
      planned = planned.filter(({ at }) => at > now);
      for (const { work } of due) work();
    },
  };
}

suite('a tab and the shared worker', () => {
  test('messages of the worker: are the events of the tab', () => {
    const { log, send } = rig();
    send({ kind: 'connected' });
    send({ kind: 'state', event: { changes: 3 } as ServerEvent });
    send({ kind: 'lost', age: 20_000 });
    assert.deepEqual(log, ['connected', 'state 3', 'lost 30000']);
  });

  test('worker that answers: the tab stays with it', () => {
    const { log, send, pass, pings } = rig();
    for (let count = 0; count < 10; count += 1) {
      send({ kind: 'alive' });
      pass(10_000);
    }
    assert.deepEqual([log, pings()], [[], 11]);
  });

  test('tab that was frozen for an hour: its old ping is no reason to leave the worker', () => {
    const { log, send, pass } = rig();
    pass(3_600_000);
    send({ kind: 'alive' });
    pass(10_000);
    assert.deepEqual(log, []);
  });

  test('silent worker: the tab listens alone after two pings', () => {
    const { log, send, pass, pings } = rig();
    pass(10_000);
    assert.deepEqual(log, []);
    pass(10_000);
    assert.deepEqual(log, ['closed', 'alone']);
    send({ kind: 'connected' });
    pass(60_000);
    assert.deepEqual([log, pings()], [['closed', 'alone'], 2]);
  });

  test('worker that cannot be loaded: the tab listens alone, once', () => {
    const { log, fail, pass } = rig();
    fail();
    fail();
    pass(60_000);
    assert.deepEqual(log, ['closed', 'alone']);
  });

  test('browser without shared workers: the tab listens alone', () => {
    assert.deepEqual(rig({ hasWorkers: false }).log, ['alone']);
  });
});

suite('a tab that listens alone', () => {
  function tab(visible: boolean) {
    let isVisible = visible;
    let changed = (): void => undefined;
    const log: string[] = [];
    listenWhileVisible(
      () => {
        log.push('start');
        return () => log.push('stop');
      },
      { lost: (at) => log.push(`lost ${at}`) },
      {
        visibility: {
          isVisible: () => isVisible,
          follow: (callback) => {
            changed = callback;
          },
        },
        now: () => 7,
      },
    );
    return {
      log,
      show: (is: boolean) => {
        isVisible = is;
        changed();
      },
    };
  }

  test('hidden: has no stream, and shows its data as old', () => {
    const { log, show } = tab(true);
    show(false);
    show(false);
    assert.deepEqual(log, ['start', 'stop', 'lost 7']);
    show(true);
    show(true);
    assert.deepEqual(log.slice(3), ['start']);
  });

  test('hidden from its beginning: listens once it is shown', () => {
    const { log, show } = tab(false);
    assert.deepEqual(log, []);
    show(true);
    assert.deepEqual(log, ['start']);
  });
});
