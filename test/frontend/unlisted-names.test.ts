import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createFleetTracker } from '../../src/fleet/track-fleet.ts';
import { createPublisher, secretTypeUrl as typeUrl } from '../../src/trust/snapshot/publisher.ts';
import { defaultStreamLimits } from '../../src/xds/core/check-request.ts';
import type { RequestError } from '../../src/xds/core/check-request.ts';
import { createFrames } from '../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../src/xds/core/refusal-memory.ts';
import type { ErrorDetail, XdsRequest } from '../../src/xds/core/request.ts';
import { createDeltaSession, createSotwSession } from '../../src/xds/core/session.ts';
import type { Session, SessionContext } from '../../src/xds/core/session.ts';
import type { SessionListener } from '../../src/xds/core/session-event.ts';
import { createSnapshotStore } from '../../src/xds/core/snapshot-store.ts';
import type { XdsObserver } from '../../src/xds/index.ts';
import { streamOf } from '../fleet/scene.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const namesOfStream = 300;
/** The bytes of a stream that are not counted. */
const freeBytes = 8192;

/** Returns the bytes in use after a garbage collection. */
function bytesInUse(): number {
  for (let times = 0; times < 4; times += 1) collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

interface Client {
  readonly session: Pick<Session<XdsRequest>, 'take' | 'heldBytes'>;
  /** Sends a request: a subscription without a nonce, or an ACK or NACK. */
  request(nonce: string, error?: ErrorDetail): RequestError | undefined;
}

type OpenClient = (context: SessionContext, listener: SessionListener, names: readonly string[]) => Client;

const node = { id: 'n', cluster: '', metadata: {}, userAgentName: '', userAgentVersion: '' };

const openDelta: OpenClient = (context, listener, names) => {
  const session = createDeltaSession(context, listener);
  const rest = { kind: 'delta', node, typeUrl, unsubscribe: [], initialVersions: new Map() } as const;
  return {
    session,
    request: (nonce, error) =>
      session.request({ ...rest, nonce, error, subscribe: nonce === '' ? names : [] }, 0),
  };
};

const openSotw: OpenClient = (context, listener, names) => {
  const session = createSotwSession(context, listener);
  const rest = { kind: 'sotw', node, typeUrl, names, version: '' } as const;
  return { session, request: (nonce, error) => session.request({ ...rest, nonce, error }, 0) };
};

/** A server without CAs, with the parts that keep something for each name of a stream. */
function serverOf() {
  const store = createSnapshotStore();
  createPublisher(store)(new Map());
  const { observer } = createFleetTracker({ now: () => 1 });
  const context: SessionContext = {
    view: store,
    frames: createFrames('test', ''),
    memory: createRefusalMemory({ entries: 10, ttlMs: 1 }),
    limits: defaultStreamLimits,
    groupOf: () => 'default',
    optionsOf: () => ({}),
  };
  return { context, observer };
}

/** A stream that subscribes to names that no other stream has. */
class Stream {
  readonly #client: Client;
  readonly #observer: XdsObserver;
  readonly #info: ReturnType<typeof streamOf>;
  #nonces: string[] = [];

  constructor({ context, observer }: ReturnType<typeof serverOf>, id: number, open: OpenClient) {
    const info = streamOf(id);
    this.#observer = observer;
    this.#info = info;
    const listener: SessionListener = {
      observe(event) {
        if (event.kind === 'acked') observer.acked?.(info, event);
        if (event.kind === 'nacked') observer.nacked?.(info, event);
      },
    };
    const names = Array.from({ length: namesOfStream }, (_, index) =>
      // A text of its own, as that of a decoded request.
      Buffer.from(`spiffe://trust-domain-${id * namesOfStream + index}.example`).toString(),
    );
    this.#client = open(context, listener, names);
    observer.request?.(info, { typeUrl, kind: 'initial', isSubscribed: true });
    assert.equal(this.#client.request(''), undefined);
  }

  /** The most bytes that the stream may use. */
  get counted(): number {
    return this.#client.session.heldBytes + freeBytes;
  }

  take(): void {
    const { session } = this.#client;
    for (let frame = session.take(0); frame !== undefined; frame = session.take(0)) {
      this.#nonces.push(frame.nonce);
      this.#observer.response?.(this.#info, frame);
    }
  }

  answer(error?: ErrorDetail): void {
    for (const nonce of this.#nonces) this.#client.request(nonce, error);
    this.#nonces = [];
  }
}

suite('names without a listed CA', () => {
  for (const [protocol, open] of [
    ['delta', openDelta],
    ['state-of-the-world', openSotw],
  ] as const)
    for (const [how, error] of [
      ['acknowledged', undefined],
      ['rejected', { code: 13, message: 'no' }],
    ] as const)
      test(`${protocol}, ${how}: no more memory than is counted`, () => {
        const server = serverOf();
        const streamsFrom = (first: number, end: number): readonly Stream[] =>
          Array.from({ length: end - first }, (_, index) => new Stream(server, first + index, open));
        const sum = (streams: readonly Stream[]): number =>
          streams.reduce((total, { counted }) => total + counted, 0);
        // These fill what all streams share: the last 1,000 secrets and their frames.
        const first = streamsFrom(0, 4);
        for (const stream of first) {
          stream.take();
          stream.answer(error);
        }
        const before = bytesInUse();
        const streams = streamsFrom(4, 24);
        for (const stream of streams) stream.take();
        const sent = bytesInUse() - before;
        assert.ok(sent <= sum(streams), `sent: ${sent} bytes in use, ${sum(streams)} counted`);
        for (const stream of streams) stream.answer(error);
        const answered = bytesInUse() - before;
        assert.ok(answered <= sum(streams), `answered: ${answered} bytes in use, ${sum(streams)} counted`);
        assert.ok(sum(first) > 0);
      });
});
