import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errorCode, flag, frameType } from '../../src/http2/frame.ts';
import { holdOverhead, OutputBudget } from '../../src/http2/output-budget.ts';
import type { OutputAccount } from '../../src/http2/output-budget.ts';
import { SharedData } from '../../src/http2/shared-data.ts';
import { frame, makeConnection, postBlock, preface } from './rig.ts';

/** A budget whose deferred work runs at `tick`, with named accounts. */
function makeBudget(limit: number) {
  const deferred: (() => void)[] = [];
  const exceeded: string[] = [];
  const budget = new OutputBudget(limit, (work) => void deferred.push(work));
  return {
    budget,
    exceeded,
    open: (name: string): OutputAccount => budget.open({ outputExceeded: () => void exceeded.push(name) }),
    tick: (): void => {
      for (const work of deferred.splice(0)) work();
    },
  };
}

/** Returns data whose frame has that length. */
const dataOf = (bytes: number): SharedData => new SharedData([Buffer.alloc(bytes - 9)]);

suite('memory for output that clients have not taken', () => {
  test('data that many connections wait with: counts once, with an overhead for each', () => {
    const { budget, open, tick, exceeded } = makeBudget(10_000_000);
    const data = dataOf(16_000);
    const accounts = Array.from({ length: 9_000 }, (_, index) => open(String(index)));
    for (const account of accounts) account.hold(data);
    tick();
    assert.equal(budget.used, 16_000 + 9_000 * holdOverhead);
    assert.deepEqual(exceeded, []);
    assert.equal(accounts[0]?.share, holdOverhead + 16_000 / 9_000);
    for (const account of accounts) account.release(data);
    assert.equal(budget.used, 0);
  });

  test('above the limit: the connections that hold the most are closed, until an eighth is free', () => {
    const { budget, open, tick, exceeded } = makeBudget(1_000);
    for (const [name, bytes] of [
      ['slow', 200],
      ['first', 400],
      ['second', 300],
      ['third', 250],
    ] as const)
      open(name).holdBytes(bytes);
    assert.deepEqual(exceeded, []);
    tick();
    assert.deepEqual(exceeded, ['first']);
    assert.equal(budget.used, 750);
    tick();
    assert.deepEqual(exceeded, ['first']);
  });

  test('connections that share data with others: hold their part of it only', () => {
    const { open, tick, exceeded } = makeBudget(10_000);
    const shared = dataOf(6_000);
    for (const name of ['a', 'b', 'c']) open(name).hold(shared);
    open('own').hold(dataOf(3_500));
    tick();
    assert.deepEqual(exceeded, ['own']);
  });

  test('bytes that are taken before the tick ends: no connection is closed', () => {
    const { budget, open, tick, exceeded } = makeBudget(1_000);
    const account = open('a');
    account.holdBytes(2_000);
    account.holdBytes(-2_000);
    tick();
    assert.deepEqual([budget.used, exceeded], [0, []]);
  });

  test('closed account: everything is released, and nothing is counted any longer', () => {
    const { budget, open } = makeBudget(1_000_000);
    const data = dataOf(500);
    const account = open('a');
    for (let count = 0; count < 3; count += 1) account.hold(data);
    account.holdBytes(70);
    account.close();
    assert.equal(budget.used, 0);
    account.release(data);
    account.hold(data);
    account.holdBytes(9);
    assert.equal(budget.used, 0);
  });

  test('more than half of the limit: isTight, until less is held', () => {
    const { budget, open } = makeBudget(1_000);
    const account = open('a');
    account.holdBytes(501);
    assert.equal(budget.isTight, true);
    account.holdBytes(-1);
    assert.equal(budget.isTight, false);
  });
});

suite('memory for data that waits for the window of the client', () => {
  const zeroWindow = frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
  const request = (id: number): Buffer => frame(frameType.headers, flag.endHeaders, id, postBlock());
  const update = (id: number, by: number): Buffer => {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(by);
    return frame(frameType.windowUpdate, 0, id, payload);
  };

  test('is counted until it is sent, or its stream or connection ends', () => {
    const rig = makeConnection();
    const { budget } = rig;
    rig.feed(Buffer.concat([preface, zeroWindow, request(1), request(3), request(5)]));
    const [sent, reset, gone] = rig.streams;
    const datas = [100, 1_000, 10_000].map(dataOf);
    for (const [index, stream] of [sent, reset, gone].entries()) {
      const data = datas[index];
      if (data !== undefined) stream?.send(data);
    }
    assert.equal(budget.used, 11_100 + 3 * holdOverhead);
    rig.feed(update(1, 91));
    assert.equal(budget.used, 11_000 + 2 * holdOverhead);
    reset?.reset(errorCode.cancel);
    assert.equal(budget.used, 10_000 + holdOverhead);
    rig.connection.gone();
    assert.equal(budget.used, 0);
  });

  test('above the limit: the connection is closed', () => {
    const rig = makeConnection({}, 10_000);
    rig.feed(Buffer.concat([preface, zeroWindow, request(1)]));
    rig.streams[0]?.send(dataOf(10_001));
    assert.deepEqual(rig.events.slice(1), []);
    rig.tick();
    assert.deepEqual(rig.events.slice(1), ['output exceeded']);
  });
});

test('long data on streams of a client that does not read: is written without a copy for each', () => {
  const rig = makeConnection({ concurrentStreams: 1_000 });
  rig.feed(preface);
  const data = new SharedData([Buffer.alloc(60_000, 'x')]);
  for (let id = 1; id < 80; id += 2) rig.feed(frame(frameType.headers, flag.endHeaders, id, postBlock()));
  rig.feed(frame(frameType.windowUpdate, 0, 0, Buffer.from([0x70, 0, 0, 0])));
  rig.sent();
  rig.written.length = 0;
  rig.unsent = 1;
  for (const stream of rig.streams) stream.send(data);
  rig.tick();
  const unshared = rig.written.filter(({ shared }) => shared === undefined);
  assert.ok(unshared.reduce((sum, { bytes }) => sum + bytes.length, 0) < 10_000);
  const sent = rig.sent();
  for (const { id } of rig.streams) {
    const payloads = sent.flatMap(({ streamId, payload }) => (streamId === id ? [payload] : []));
    assert.ok(Buffer.concat(payloads).equals(Buffer.alloc(60_000, 'x')), `stream ${id}`);
  }
});
