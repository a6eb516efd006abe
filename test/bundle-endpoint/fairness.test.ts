import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { clientNetwork } from '../../src/bundle-endpoint/core/client-network.ts';
import { createFairRate } from '../../src/bundle-endpoint/fair-rate.ts';
import { createUnreadResponses } from '../../src/bundle-endpoint/unread-responses.ts';

test('network of a client: its IPv4 address, or 64 bits of its IPv6 address', () => {
  const cases = {
    '192.0.2.1': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2',
    '2001:db8:1:2::6': '2001:db8:1:2',
    '2001:db8::6': '2001:db8:0:0',
    '2001:db8:1:2:3::': '2001:db8:1:2',
    '2001:db8::': '2001:db8:0:0',
    '::1': '0:0:0:0',
    '': '',
  };
  for (const [address, network] of Object.entries(cases))
    assert.equal(clientNetwork(address), network, address);
});

suite('fair rate', () => {
  test('one client: the rate, and a burst of it', () => {
    const rate = createFairRate(3);
    const waits = [0, 0, 0, 0].map((now) => rate.take('a', now));
    assert.deepEqual(waits.slice(0, 3), [0, 0, 0]);
    assert.ok((waits[3] ?? 0) > 0);
    assert.equal(rate.take('a', 334), 0);
  });

  test('a client that sends requests without a pause: others have one response each second', () => {
    const rate = createFairRate(5);
    const served = { honest: 0, other: 0 };
    for (let now = 0; now < 10_000; now += 1) {
      rate.take('flood', now);
      if (now % 1000 !== 500) continue;
      if (rate.take('honest', now) === 0) served.honest += 1;
      if (rate.take('other', now) === 0) served.other += 1;
    }
    assert.deepEqual(served, { honest: 10, other: 10 });
  });

  test('responses beyond the shared rate: are as many in all as the rate', () => {
    const rate = createFairRate(5);
    for (let count = 0; count < 5; count += 1) rate.take('flood', 0);
    const waits = Array.from({ length: 20 }, (_, index) => rate.take(`client-${index}`, 0));
    assert.equal(waits.filter((wait) => wait === 0).length, 5);
  });

  test('addresses of one IPv6 network: are one client', () => {
    const rate = createFairRate(2);
    const waits = Array.from({ length: 10 }, (_, index) => rate.take(`2001:db8::${index + 1}`, 0));
    assert.equal(waits.filter((wait) => wait === 0).length, 2);
  });
});

suite('unread responses', () => {
  /** Adds responses of 10 bytes. Returns the names of those that were closed. */
  function rig(maxBytes: number) {
    const closed: string[] = [];
    const unread = createUnreadResponses(maxBytes);
    const add = (address: string, name: string) => {
      const response = { address, bytes: 10, close: () => void closed.push(name) };
      unread.add(response);
      return response;
    };
    return { unread, add, closed };
  }

  test('up to the limit: every client is admitted', () => {
    const { unread, add, closed } = rig(20);
    add('a', 'a1');
    add('a', 'a2');
    assert.equal(unread.admits('a'), true);
    assert.deepEqual(closed, []);
  });

  test('beyond the limit: the client with the most is refused, and loses its oldest responses to others', () => {
    const { unread, add, closed } = rig(20);
    for (const name of ['a1', 'a2', 'a3']) add('a', name);
    add('b', 'b1');
    assert.equal(unread.admits('a'), false);
    assert.deepEqual(closed, []);
    assert.equal(unread.admits('c'), true);
    assert.deepEqual(closed, ['a1', 'a2']);
  });

  test('a response that was read or closed: no longer counts, also if that is reported twice', () => {
    const { unread, add } = rig(10);
    const [first] = [add('a', 'a1'), add('a', 'a2')];
    assert.equal(unread.admits('a'), false);
    unread.remove(first);
    unread.remove(first);
    assert.equal(unread.admits('a'), true);
    add('a', 'a3');
    assert.equal(unread.admits('a'), false);
  });
});
