import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFairQueue } from '../../../src/xds/rate/fair-queue.ts';
import type { FairQueue, Origin } from '../../../src/xds/rate/fair-queue.ts';

interface Named extends Origin {
  readonly name: string;
}

/** Returns a function that creates entries of a connection. */
function connectionOf(address: string): (name: string) => Named {
  const connection = {};
  return (name) => ({ address, connection, name });
}

function taken(queue: FairQueue<Named>, isReady?: (connection: unknown, address: string) => boolean): string {
  const names: string[] = [];
  for (let next = queue.shift(isReady); next !== undefined; next = queue.shift(isReady))
    names.push(next.name);
  return names.join(' ');
}

suite('fair queue', () => {
  test('size of an address: counts the entries of all of its connections', () => {
    const queue = createFairQueue<Named>();
    const [a1, a2, b] = [connectionOf('a'), connectionOf('a'), connectionOf('b')];
    for (const entry of [a1('1'), a1('2'), a2('3'), b('4')]) queue.add(entry);
    assert.deepEqual([queue.sizeOf('a'), queue.sizeOf('b'), queue.sizeOf('c')], [3, 1, 0]);
  });

  test('several addresses: take turns, and so do the connections of an address', () => {
    const queue = createFairQueue<Named>();
    const [a1, a2, b] = [connectionOf('a'), connectionOf('a'), connectionOf('b')];
    for (const entry of [a1('1'), a1('2'), a1('3'), a2('4'), a2('5'), b('6'), b('7')]) queue.add(entry);
    assert.equal(queue.size, 7);
    assert.equal(taken(queue), '1 6 4 7 2 5 3');
    assert.equal(queue.size, 0);
  });

  test('new address: waits for one turn, however many entries another address has', () => {
    const queue = createFairQueue<Named>();
    const [flood, newcomer] = [connectionOf('a'), connectionOf('b')];
    for (let count = 0; count < 20_000; count += 1) queue.add(flood(`${count}`));
    assert.equal(queue.shift()?.name, '0');
    queue.add(newcomer('new'));
    assert.deepEqual([queue.shift()?.name, queue.shift()?.name], ['1', 'new']);
  });

  test('connections that are not ready: are skipped, and keep their place', () => {
    const queue = createFairQueue<Named>();
    const [slow, other] = [connectionOf('a'), connectionOf('a')];
    const first = slow('1');
    for (const entry of [first, slow('2'), other('3'), other('4')]) queue.add(entry);
    assert.equal(
      taken(queue, (connection) => connection !== first.connection),
      '3 4',
    );
    assert.equal(taken(queue), '1 2');
  });

  test('deleted entry: is not served; absent entry: delete returns false', () => {
    const queue = createFairQueue<Named>();
    const a = connectionOf('a');
    const [first, second] = [a('1'), a('2')];
    queue.add(first);
    queue.add(second);
    assert.equal(queue.hasConnectionOf(first), true);
    assert.deepEqual([queue.delete(first), queue.delete(first), queue.size], [true, false, 1]);
    assert.equal(taken(queue), '2');
    assert.equal(queue.hasConnectionOf(first), false);
  });

  test('deleted entry: costs its address and its connection no turn', () => {
    const queue = createFairQueue<Named>();
    const [a, b] = [connectionOf('a'), connectionOf('b')];
    const gone = a('1');
    for (const entry of [gone, a('2'), b('3')]) queue.add(entry);
    queue.delete(gone);
    assert.equal(taken(queue), '2 3');
  });

  test('peek: returns the entry that shift removes next, and removes nothing', () => {
    const queue = createFairQueue<Named>();
    const [a, b] = [connectionOf('a'), connectionOf('b')];
    for (const entry of [a('1'), a('2'), b('3')]) queue.add(entry);
    queue.shift();
    assert.deepEqual([queue.peek()?.name, queue.size, queue.shift()?.name], ['3', 2, '3']);
    queue.shift();
    assert.equal(queue.peek(), undefined);
  });
});
