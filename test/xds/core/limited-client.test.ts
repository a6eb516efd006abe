import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { defaultStreamLimits } from '../../../src/xds/core/check-request.ts';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import { createResourceSet } from '../../../src/xds/core/resource.ts';
import type { ErrorDetail } from '../../../src/xds/core/request.ts';
import { createSotwSession } from '../../../src/xds/core/session.ts';
import type { SessionEvent } from '../../../src/xds/core/session-event.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import { typeUrls } from '../../../src/xds/core/type-urls.ts';

const { ackTimeoutMs } = defaultStreamLimits;
const node = { id: 'n', cluster: '', metadata: {}, userAgentName: '', userAgentVersion: '' };
const names = Array.from({ length: 20 }, (_, index) => `name-${index}`);

/**
 * A client with `rate_limit_settings` (Envoy 1.40, `GrpcMuxImpl`): each response and each user of a name puts a request
 * into a queue. It sends one every 200 ms, with all names and the nonce of the last response.
 */
function limitedClient(typeUrl: string = typeUrls.secret) {
  const store = createSnapshotStore();
  const events: string[] = [];
  const session = createSotwSession(
    {
      view: store,
      frames: createFrames('test', ''),
      memory: createRefusalMemory({ entries: 100, ttlMs: 1e9 }),
      limits: defaultStreamLimits,
      groupOf: () => 'g',
      optionsOf: () => ({}),
    },
    {
      observe(event: SessionEvent) {
        if (event.kind === 'acked')
          events.push(`${event.unconfirmed ? 'ack?' : 'ack'} ${event.name}@${event.version}`);
        if (event.kind === 'nacked') events.push(`nack ${event.resources.map(({ name }) => name).join()}`);
      },
    },
  );
  let now = 0;
  let queued = typeUrl === typeUrls.secret ? names.length : 1;
  let responses = 0;
  let nonce = '';
  let error: ErrorDetail | undefined;
  const received: string[] = [];
  store.subscribe((change) => session.changed(change));
  const take = (): void => {
    for (let frame = session.take(now); frame !== undefined; frame = session.take(now)) {
      for (const { name, version } of frame.content.resources) received.push(`${name}@${version}`);
      ({ nonce } = frame);
      queued += 1;
      responses += 1;
    }
  };
  const publish = (version: string): void => {
    const body = new Uint8Array();
    store.set('g', typeUrl, createResourceSet(names.map((name) => ({ name, version, body }))));
    take();
  };
  return {
    publish,
    received,
    events,
    queued: () => queued,
    /** Number of responses so far. */
    responses: () => responses,
    /** The client sends only requests of other types for a time, which were in its queue before. */
    sendOthers: (milliseconds: number): void => {
      now += milliseconds;
      take();
    },
    /** A further user of a name has appeared. */
    use: () => void (queued += 1),
    /** The next request is a NACK: one of the responses since the last request could not be applied. */
    fail: () => void (error = { code: 13, message: 'no' }),
    /** Sends a request every 200 ms. */
    pass: (milliseconds: number): void => {
      for (const end = now + milliseconds; now < end; now += 200) {
        if (queued > 0) {
          queued -= 1;
          const version = nonce === '' ? '' : 'held';
          assert.equal(
            session.request({ kind: 'sotw', node, typeUrl, nonce, error, names, version }, now),
            undefined,
          );
          error = undefined;
        }
        take();
      }
    },
  };
}

const allAt = (version: string): readonly string[] => names.map((name) => `${name}@${version}`).sort();

suite('state-of-the-world client whose rate of requests is limited', () => {
  test('gets each change of all names at once, has acknowledged all of them in the end, and is sent nothing then', () => {
    const { publish, pass, received, events, queued } = limitedClient();
    publish('1');
    pass(60_000);
    assert.deepEqual(new Set(events), new Set(allAt('1').map((one) => `ack ${one}`)));
    for (const version of ['2', '3']) {
      received.length = events.length = 0;
      publish(version);
      assert.deepEqual(received.toSorted(), allAt(version), 'at once');
      pass(20_000);
      const acked = new Set(events);
      assert.deepEqual(acked, new Set(allAt(version).map((one) => `ack ${one}`)));
      pass(40_000);
      assert.equal(queued(), 0);
      assert.ok(received.length <= 4 * names.length, `${received.length} responses`);
    }
    received.length = 0;
    pass(10 * ackTimeoutMs);
    assert.deepEqual(received, []);
  });

  test('a further user of a name, while nothing else happens: the reply comes at once, and nothing after all of them', () => {
    const { publish, pass, use, received } = limitedClient();
    publish('1');
    publish('2');
    pass(60_000);
    received.length = 0;
    use();
    pass(200 + 200 * names.length);
    assert.deepEqual(received.toSorted(), allAt('2'));
    pass(10 * ackTimeoutMs);
    assert.equal(received.length, names.length);
  });

  test('a NACK after several responses: no later ACK of any of them counts as confirmed', () => {
    const { publish, pass, fail, events } = limitedClient();
    publish('1');
    pass(60_000);
    events.length = 0;
    publish('2');
    fail();
    pass(20_000);
    assert.match(events[0] ?? '', /^nack name-/);
    const confirmed = events.filter((event) => event.startsWith('ack ') && event.endsWith('@2'));
    assert.deepEqual(confirmed, []);
    assert.ok(events.filter((event) => event.startsWith('ack? ')).length >= names.length - 1);
  });

  test('a NACK after several responses: each name is sent again by itself, and none goes back to its old version', () => {
    const { publish, pass, fail, events, received } = limitedClient();
    publish('1');
    pass(60_000);
    publish('2');
    fail();
    events.length = received.length = 0;
    pass(60_000);
    assert.deepEqual(new Set(received), new Set(allAt('2')));
    const [nack = ''] = events;
    assert.deepEqual(new Set(nack.replace('nack ', '').split(',')), new Set(names), 'any of them');
    assert.deepEqual(
      new Set(events.filter((event) => event.startsWith('ack'))),
      new Set(allAt('2').map((one) => `ack? ${one}`)),
    );
  });
});

/** Publishes three versions while the client answers nothing, so that each is sent after the ACK timeout. */
function publishThree({ publish, sendOthers }: ReturnType<typeof limitedClient>): void {
  for (const version of ['2', '3', '4']) {
    publish(version);
    sendOthers(ackTimeoutMs);
  }
}

suite('state-of-the-world client of clusters whose rate of requests is limited', () => {
  test('several responses before its next request: one more reply to all of them, and nothing after that', () => {
    const client = limitedClient(typeUrls.cluster);
    client.publish('1');
    client.pass(1_000);
    publishThree(client);
    assert.equal(client.responses(), 4);
    client.events.length = 0;
    client.pass(200);
    assert.deepEqual(new Set(client.events), new Set(allAt('4').map((one) => `ack ${one}`)));
    client.pass(2 * ackTimeoutMs);
    assert.equal(client.responses(), 4, 'more requests may come');
    client.pass(10 * ackTimeoutMs);
    assert.equal(client.responses(), 5);
    assert.equal(client.queued(), 0);
    assert.deepEqual(client.received.slice(-names.length).toSorted(), allAt('4'));
  });

  test('several responses, and requests of other types between its answers to them: one more reply to all of them', () => {
    const client = limitedClient(typeUrls.cluster);
    client.publish('1');
    client.pass(1_000);
    publishThree(client);
    for (let answers = 0; answers < 3; answers += 1) {
      client.pass(200);
      client.sendOthers(ackTimeoutMs);
    }
    assert.equal(client.responses(), 4, 'more requests may come');
    client.sendOthers(ackTimeoutMs);
    assert.equal(client.responses(), 5);
    client.pass(10 * ackTimeoutMs);
    assert.equal(client.responses(), 5);
  });

  test('a further user of a name, after some quiet: the reply comes at once', () => {
    const client = limitedClient(typeUrls.cluster);
    client.publish('1');
    publishThree(client);
    client.pass(10 * ackTimeoutMs);
    const before = client.responses();
    client.use();
    client.pass(200);
    assert.equal(client.responses(), before + 1);
  });

  test('a change while a reply is due: is the reply', () => {
    const client = limitedClient(typeUrls.cluster);
    client.publish('1');
    client.pass(1_000);
    publishThree(client);
    client.pass(1_000);
    client.publish('5');
    assert.equal(client.responses(), 5);
    client.pass(10 * ackTimeoutMs);
    assert.equal(client.responses(), 5);
  });

  test('a NACK after several responses: names the resources of each of them, and the next ACK counts', () => {
    const client = limitedClient(typeUrls.cluster);
    client.publish('1');
    client.pass(1_000);
    publishThree(client);
    client.events.length = 0;
    client.fail();
    client.pass(10 * ackTimeoutMs);
    const [nack, ...later] = client.events;
    assert.deepEqual(nack?.replace('nack ', '').split(',').toSorted(), [...names, ...names, ...names].sort());
    assert.deepEqual(
      later.toSorted(),
      allAt('4').map((one) => `ack ${one}`),
    );
    assert.equal(client.responses(), 5);
  });
});
