import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { addXdsServices, createSnapshotStore, typeUrls } from '../../../src/xds/index.ts';
import type { Authorization, XdsServerOptions } from '../../../src/xds/index.ts';
import type { DirectServer } from '../../../src/xds/server/direct-server.ts';
import type { GuardedSession } from '../../../src/xds/server/guarded.ts';
import type {
  LinkHandler,
  LinkStatus,
  SendListener,
  StreamLink,
} from '../../../src/xds/server/stream-link.ts';
import { poll } from '../../kit/poll.ts';
import { deltaRequests, deltaResponses } from '../codec.ts';
import { ads } from '../loopback/serving.ts';
import { setOf } from '../vocabulary.ts';
import { emptyServer } from './empty-server.ts';

/** The transport of a stream, played by the test. All links are of one connection. */
class FakeLink implements StreamLink {
  readonly address = '192.0.2.1:5000';
  readonly socket = undefined;
  readonly metadata = { get: () => [] };
  readonly session: GuardedSession;
  isRetiring = false;
  readonly endedByClient = true;
  readonly waitingRequestBytes = 0;
  readonly sent: Uint8Array[] = [];
  handler: LinkHandler | undefined;
  isPaused = false;
  ending: LinkStatus | undefined;

  get endCode(): status | undefined {
    return this.ending?.code;
  }

  constructor(session: GuardedSession) {
    this.session = session;
  }

  handleWith(handler: LinkHandler): void {
    this.handler = handler;
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    this.isPaused = false;
  }

  send(message: { readonly bytes: Uint8Array }, listener: SendListener): void {
    this.sent.push(message.bytes);
    setImmediate(() => listener.sent());
  }

  end(ending: LinkStatus): void {
    this.ending = ending;
  }

  abandon(ending: LinkStatus): void {
    this.ending = ending;
  }

  request(message: object): void {
    this.handler?.message(deltaRequests.serialize(message));
  }
}

interface Rig {
  readonly open: () => FakeLink;
  /** Decides about the streams that wait, and waits until that had its effect. */
  readonly decide: (decision: Authorization) => Promise<void>;
  readonly closed: string[];
  /** Waits until all streams were checked for conditions that raise no event. */
  readonly swept: () => Promise<void>;
  now: number;
}

const subscribe = (name: string): object => ({
  type_url: typeUrls.secret,
  resource_names_subscribe: [name],
});

function start(options: XdsServerOptions = {}): Rig {
  const handlers = new Map<string, (link: StreamLink) => void>();
  const server: DirectServer = {
    ...emptyServer,
    addStream: (path, handler) => void handlers.set(path, handler),
  };
  const store = createSnapshotStore();
  store.set('', typeUrls.secret, setOf({ a: '1', b: '1', c: '1' }));
  let waiting = Promise.withResolvers<Authorization>();
  const closed: string[] = [];
  const session: GuardedSession = {
    address: '192.0.2.1',
    isGone: false,
    whenGone: () => undefined,
    retire: () => undefined,
    closeForExcess: () => undefined,
  };
  const rig = {
    now: 0,
    closed,
    open() {
      const link = new FakeLink(session);
      handlers.get(ads.delta)?.(link);
      return link;
    },
    async decide(decision: Authorization) {
      waiting.resolve(decision);
      waiting = Promise.withResolvers();
      await immediate();
    },
    async swept() {
      // Streams are checked in the order in which they were opened. The check may have been behind the other streams.
      for (let round = 0; round < 2; round += 1) {
        const last = rig.open();
        last.isRetiring = true;
        await poll('the last stream to be checked', () => last.ending !== undefined || undefined);
      }
      await immediate();
    },
  };
  addXdsServices(server, store, {
    authorize: () => waiting.promise,
    clock: () => rig.now,
    sweepMs: 1,
    observer: {
      connectionClosed: (reason) => closed.push(reason),
    },
    ...options,
    clientLimits: { requestTimeoutMs: 10_000, ...options.clientLimits },
  });
  return rig;
}

const allowed: Authorization = { kind: 'allowed' };
const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Returns the names of the sent responses. */
async function namesOf(link: FakeLink, count: number): Promise<readonly (readonly string[])[]> {
  await poll('the responses', () => link.sent.length >= count || undefined);
  return link.sent.map((bytes) =>
    deltaResponses.deserialize(Buffer.from(bytes)).resources.map(({ name }) => name),
  );
}

suite('requests that wait for a decision', () => {
  test('allowed client: its requests have an effect in their order', async () => {
    const rig = start();
    const link = rig.open();
    link.request({ ...subscribe('a'), node: { id: 'n' } });
    link.request({ ...subscribe('b'), resource_names_unsubscribe: ['a'] });
    link.request({ ...subscribe('c'), resource_names_unsubscribe: ['b'] });
    await immediate();
    assert.equal(link.isPaused, true);
    assert.deepEqual(link.sent, []);
    await rig.decide(allowed);
    assert.equal(link.isPaused, false);
    assert.deepEqual(await namesOf(link, 2), [['a'], ['c']]);
    assert.equal(link.ending, undefined);
  });

  test('client that has ended its side: gets its response, then the end', async () => {
    const rig = start();
    const link = rig.open();
    link.request(subscribe('a'));
    link.handler?.halfClosed();
    await immediate();
    assert.equal(link.ending, undefined);
    await rig.decide(allowed);
    assert.deepEqual(await namesOf(link, 1), [['a']]);
    assert.equal(link.endCode, status.OK);
  });

  test('refused client: its requests have no effect', async () => {
    const rig = start();
    const link = rig.open();
    link.request(subscribe('a'));
    link.request(subscribe('b'));
    await rig.decide({ kind: 'refused', code: 'UNAUTHENTICATED', reason: 'r', message: 'm' });
    assert.deepEqual(link.ending, { code: status.UNAUTHENTICATED, message: 'm' });
    assert.deepEqual(link.sent, []);
  });

  test('empty requests without number: count, and their connection is closed', async () => {
    const rig = start({ clientLimits: { connectionBytes: 100_000 } });
    const link = rig.open();
    link.request(subscribe('a'));
    for (let count = 0; count < 1_000; count += 1) link.handler?.message(Buffer.alloc(0));
    assert.deepEqual(rig.closed, ['request-bytes']);
  });

  for (const [what, request] of Object.entries({
    'long names': { resource_names_subscribe: ['a'.repeat(50_000)] },
    'many names': { resource_names_subscribe: Array.from({ length: 300 }, (_, index) => `${index}`) },
    'long metadata': {
      node: { metadata: { fields: { a: { stringValue: 'a'.repeat(50_000), kind: 'stringValue' } } } },
    },
  }))
    test(`first requests with ${what}: count, and their connection is closed`, async () => {
      const rig = start({ clientLimits: { connectionBytes: 200_000 } });
      for (let count = 0; count < 5; count += 1)
        rig.open().request({ type_url: typeUrls.secret, ...request });
      assert.deepEqual(rig.closed, ['request-bytes']);
    });

  test('first requests of Envoys: do not count', async () => {
    const rig = start({ clientLimits: { connectionBytes: 1 } });
    const names = Array.from({ length: 10 }, (_, index) => `secret-${index}`);
    for (let count = 0; count < 100; count += 1)
      rig.open().request({ type_url: typeUrls.secret, node: { id: 'n' }, resource_names_subscribe: names });
    assert.deepEqual(rig.closed, []);
  });

  test('end of the stream: its bytes count no more', async () => {
    const rig = start({ clientLimits: { connectionBytes: 100_000 } });
    for (let count = 0; count < 10; count += 1) {
      const link = rig.open();
      link.request({ type_url: typeUrls.secret, resource_names_subscribe: ['a'.repeat(60_000)] });
      link.handler?.aborted();
    }
    assert.deepEqual(rig.closed, []);
  });

  test('request that is incomplete during the wait: its client has the full time after the decision', async () => {
    const rig = start();
    const link = rig.open();
    link.request(subscribe('a'));
    link.handler?.partial(1_000);
    rig.now = 9_000;
    await rig.decide(allowed);
    rig.now = 18_000;
    await rig.swept();
    assert.equal(link.ending, undefined);
    rig.now = 19_000;
    await rig.swept();
    assert.equal(link.endCode, status.DEADLINE_EXCEEDED);
  });

  test('no decision in time: UNAVAILABLE', async () => {
    const rig = start();
    const link = rig.open();
    link.request(subscribe('a'));
    rig.now = 9_999;
    await rig.swept();
    assert.equal(link.ending, undefined);
    rig.now = 10_000;
    await rig.swept();
    assert.equal(link.endCode, status.UNAVAILABLE);
  });

  test('nodes of further requests: are read, because they are compared with the first', () => {
    const rig = start();
    const link = rig.open();
    assert.equal(link.handler?.unwanted, undefined);
    link.request({ ...subscribe('a'), node: { id: 'n' } });
    assert.equal(link.handler?.unwanted, undefined);
  });
});
