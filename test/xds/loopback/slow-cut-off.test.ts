import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { suite, test } from 'node:test';
import { typeUrls } from '../../../src/xds/index.ts';
import type { StreamEnd, XdsObserver } from '../../../src/xds/index.ts';
import { poll } from '../../kit/poll.ts';
import { deltaRequests, deltaResponses } from '../codec.ts';
import { sds, serve } from './serving.ts';
import type { Serving } from './serving.ts';
import { startRelay } from './relay.ts';
import { createSlowReader } from './slow-reader.ts';

/** Each promise resolves with the first event of its name: the stream's id, the wait, or the end. */
interface StreamEvents {
  readonly observer: XdsObserver;
  readonly acked: Promise<number>;
  readonly slowed: Promise<number>;
  readonly caughtUp: Promise<number>;
  readonly cutOff: Promise<number>;
  readonly closed: Promise<StreamEnd>;
}

function observeEvents(): StreamEvents {
  const [acked, slowed, caughtUp, cutOff] = [
    Promise.withResolvers<number>(),
    Promise.withResolvers<number>(),
    Promise.withResolvers<number>(),
    Promise.withResolvers<number>(),
  ];
  const closed = Promise.withResolvers<StreamEnd>();
  return {
    observer: {
      acked: ({ id }) => acked.resolve(id),
      slowed: ({ id }) => slowed.resolve(id),
      caughtUp: ({ id }) => caughtUp.resolve(id),
      cutOff: (_, waitedMs) => cutOff.resolve(waitedMs),
      streamClosed: (_, end) => closed.resolve(end),
    },
    acked: acked.promise,
    slowed: slowed.promise,
    caughtUp: caughtUp.promise,
    cutOff: cutOff.promise,
    closed: closed.promise,
  };
}

/** Stores two resources: a small one, and one of the given size in bytes. */
function publish({ store }: Serving, bytes: number): void {
  const big = { name: 'big', version: String(bytes), body: Buffer.alloc(bytes) };
  const small = { name: 'small', version: '1', body: Buffer.from('small') };
  const resources = new Map([big, small].map((resource) => [resource.name, resource]));
  store.set('', typeUrls.secret, { version: String(bytes), resources });
}

/** More than HTTP/2 sends on an unread stream, and more than all buffers of a socket hold. */
const [aboveWindow, aboveSocket] = [500_000, 32_000_000];

/** Sockets of this process. There is no event for a socket that the server has closed. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
}

/** Returns the next message. The reader continues to read. */
async function first(messages: AsyncIterable<Buffer>): Promise<Buffer> {
  const result: IteratorResult<Buffer, undefined> = await messages[Symbol.asyncIterator]().next();
  assert.ok(result.done !== true);
  return result.value;
}

const subscribeTo = (name: string): Uint8Array =>
  deltaRequests.serialize({ node: { id: name }, resource_names_subscribe: [name] });

suite('client that does not read a response', () => {
  test('response is unread for 1 s: the client is reported as slow, and as caught up when it has read', async () => {
    let now = 0;
    const { observer, slowed, caughtUp } = observeEvents();
    await using serving = await serve({ clock: () => now, sweepMs: 2, observer });
    publish(serving, aboveWindow);
    using slow = createSlowReader(serving.address, sds.delta);
    slow.send(subscribeTo('big'));
    await slow.started;
    now = 1_000;
    assert.equal(await slowed, 1);
    await first(slow.read());
    assert.equal(await caughtUp, 1);
    now = 1_000_000;
    assert.equal(serving.xds.streams(), 1, 'it waits for nothing now');
  });

  test('response is unread for the limit: its stream is ended, and no other stream of the connection', async () => {
    let now = 0;
    const { observer, cutOff, closed } = observeEvents();
    await using serving = await serve({ clock: () => now, sweepMs: 2, slowTimeoutMs: 5_000, observer });
    publish(serving, aboveWindow);
    using slow = createSlowReader(serving.address, sds.delta);
    const good = slow.open(sds.delta);
    good.send(subscribeTo('small'));
    const responses = good.read()[Symbol.asyncIterator]();
    await responses.next();
    slow.send(subscribeTo('big'));
    await slow.started;
    now = 4_999;
    await serving.until(() => serving.xds.streams() === 2);
    now = 5_000;
    assert.equal(await cutOff, 5_000);
    const message = 'the client did not read a response for 5 s';
    assert.deepEqual(await closed, { code: 'RESOURCE_EXHAUSTED', message, by: 'server' });
    assert.equal(await slow.ended, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    assert.equal(serving.xds.streams(), 1);
    good.send(deltaRequests.serialize({ resource_names_subscribe: ['other'] }));
    assert.equal((await responses.next()).done, false);
  });

  test('only stream of its connection: the connection is closed, even if the socket accepts no data', async () => {
    let now = 0;
    const { observer, acked, slowed, cutOff } = observeEvents();
    await using serving = await serve({ clock: () => now, sweepMs: 2, slowTimeoutMs: 5_000, observer });
    publish(serving, 10);
    await using relay = await startRelay(serving.address);
    using slow = createSlowReader(relay.address, sds.delta, { initialWindowSize: 2 * aboveSocket });
    slow.send(subscribeTo('big'));
    const value = await first(slow.read());
    slow.send(deltaRequests.serialize({ response_nonce: deltaResponses.deserialize(value).nonce }));
    await acked;
    relay.freeze();
    publish(serving, aboveSocket);
    now = 1_000;
    await slowed;
    const before = openSockets();
    now = 5_000;
    await cutOff;
    assert.equal(serving.xds.streams(), 0);
    // Before the client reads: pending data must not keep the socket open.
    await poll('the socket to be freed', () => (openSockets() < before ? true : undefined), {
      timeoutMs: 5_000,
    });
    relay.thaw();
    await relay.closedByServer;
  });
});
