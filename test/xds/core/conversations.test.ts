import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import type { XdsRequest } from '../../../src/xds/core/request.ts';
import type { SessionEvent, SessionListener } from '../../../src/xds/core/session-event.ts';
import { defaultStreamLimits } from '../../../src/xds/core/check-request.ts';
import { createDeltaSession, createSotwSession } from '../../../src/xds/core/session.ts';
import type { Session, SessionContext } from '../../../src/xds/core/session.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import { createRequestDecoder } from '../../../src/xds/server/decode-request.ts';
import { deltaRequests, deltaResponses, sotwRequests, sotwResponses } from '../codec.ts';
import { deltaConversations } from '../delta-conversations.ts';
import { sotwConversations } from '../sotw-conversations.ts';
import { createScriptedClient, readDelta, readSotw } from '../scripted-client.ts';
import type { ReadResponse } from '../scripted-client.ts';
import type { Conversation } from '../step.ts';
import { setOf, testTypes, urlOf } from '../vocabulary.ts';

const decoder = createRequestDecoder();

/** The protocol-specific part of the script below. */
interface Side<Request extends XdsRequest> {
  readonly protocol: 'delta' | 'sotw';
  readonly createSession: (context: SessionContext, listener: SessionListener) => Session<Request>;
  readonly decode: (message: object) => Request;
  readonly read: (bytes: Buffer) => { readonly type_url: string; readonly response: ReadResponse };
}

suite('delta session', () => {
  run(deltaConversations, {
    protocol: 'delta',
    createSession: (context, listener) => createDeltaSession(context, listener),
    decode: (message) => decoder.delta(deltaRequests.serialize(message), true),
    read(bytes) {
      const response = deltaResponses.deserialize(bytes);
      return { type_url: response.type_url, response: readDelta(response) };
    },
  });
});

suite('SotW session', () => {
  run(sotwConversations, {
    protocol: 'sotw',
    createSession: (context, listener) => createSotwSession(context, listener),
    decode: (message) => decoder.sotw(sotwRequests.serialize(message), true),
    read(bytes) {
      const response = sotwResponses.deserialize(bytes);
      return { type_url: response.type_url, response: readSotw(response) };
    },
  });
});

function run<Request extends XdsRequest>(conversations: readonly Conversation[], side: Side<Request>): void {
  for (const { name, steps } of conversations) test(name, () => converse(steps, side));
}

function converse<Request extends XdsRequest>(steps: Conversation['steps'], side: Side<Request>): void {
  const store = createSnapshotStore();
  const context: SessionContext = {
    view: store,
    frames: createFrames('test', ''),
    memory: createRefusalMemory({ entries: 100, ttlMs: 3_600_000 }),
    limits: defaultStreamLimits,
    groupOf: () => '',
    optionsOf: (typeUrl) => testTypes[typeUrl] ?? {},
  };
  const client = createScriptedClient(side.protocol);
  const nonces = new Set<string>();
  let reports: string[] = [];
  let now = 0;
  const listener: SessionListener = { observe: (event) => reports.push(...describe(event)) };
  let session = side.createSession(context, listener);
  store.subscribe((change) => session.changed(change));

  for (const [index, { action, type, gets, reports: expected }] of steps.entries()) {
    const where = `step ${index + 1}: ${JSON.stringify(action)}`;
    reports = [];
    switch (action.kind) {
      case 'set':
        store.set('', urlOf[type], setOf(action.contents, action.wildcard));
        break;
      case 'wait':
        now += action.ms;
        break;
      case 'reconnect':
        client.reconnect(action.node);
        session = side.createSession(context, listener);
        nonces.clear();
        break;
      case 'delta':
      case 'names':
      case 'ack':
      case 'ack-latest':
      case 'nack':
      case 'answer-unsent':
      case 'nack-again':
        assert.equal(session.request(side.decode(client.request(action, type) ?? {}), now), undefined, where);
        break;
    }
    const got: string[] = [];
    for (let next = session.take(now); next !== undefined; next = session.take(now)) {
      const { type_url: typeUrl, response: read } = side.read(Buffer.from(next.bytes));
      assert.equal(typeUrl, next.typeUrl);
      assert.equal(nonces.has(read.nonce), false, 'a nonce is used once on a stream');
      nonces.add(read.nonce);
      client.received(typeUrl, read);
      got.push(read.summary);
    }
    assert.deepEqual({ got, reports }, { got: gets, reports: expected }, where);
  }
}

function describe(event: SessionEvent): string[] {
  const mark = (unconfirmed: boolean): string => (unconfirmed ? '?' : '');
  switch (event.kind) {
    case 'request':
      return event.request === 'stale' ? ['stale'] : [];
    case 'acked':
      return event.unconfirmed ? [`ack? ${event.name}@${event.version}`] : [];
    case 'quoted':
      return [`holds${mark(event.unconfirmed)} ${event.name}@${event.version}`];
    case 'nacked':
      return [`nack ${event.resources.map(({ name, version }) => `${name}@${version}`).join(' ')}`];
    case 'dropped':
      return [];
  }
}
