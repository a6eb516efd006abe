import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { secretTypeUrl } from '../../src/snapshot/publisher.ts';
import type { ServedMeshes } from '../../src/snapshot/publisher.ts';
import { createAckTally } from '../../src/telemetry/ack-tally.ts';
import type { StreamInfo, XdsObserver } from '../../src/xds/index.ts';

type Response = Parameters<NonNullable<XdsObserver['response']>>[1];

function stream(id: number, nodeId = `node-${id}`, group = 'default'): StreamInfo {
  const rest = { transport: 'ads', protocol: 'delta', address: 'x', userAgent: 'envoy' } as const;
  return { id, nodeId, group, ...rest };
}

function statesOf(version: string): ServedMeshes {
  const secrets = new Map([['ALL', { name: 'ALL', version }]]);
  return new Map([['default', { secrets: { version, secrets } }]]) as unknown as ServedMeshes;
}

/** A tally, with what proxies do in words. */
function scene(now: () => number = () => 0) {
  const tally = createAckTally(now);
  const { observer } = tally;
  const typeUrl = secretTypeUrl;
  return {
    tally,
    counts: (mesh = 'default') => {
      const { connected, acked } = tally.byMesh().get(mesh) ?? { connected: 0, acked: 0 };
      return [acked, connected];
    },
    publish: (version: string) => {
      tally.published(statesOf(version));
      observer.fannedOut?.({ visits: 1, durationMs: 1, slices: 1 });
    },
    asks: (who: StreamInfo) => {
      observer.streamOpened?.(who);
      observer.request?.(who, { typeUrl, kind: 'initial' });
    },
    sent: (who: StreamInfo, version: string) =>
      observer.response?.(who, { typeUrl, resources: [{ name: 'ALL', version }] } as unknown as Response),
    acks: (who: StreamInfo, version: string, unconfirmed = false) =>
      observer.acked?.(who, { typeUrl, name: 'ALL', version, nonce: '1', unconfirmed }),
    quotes: (who: StreamInfo, version: string) =>
      observer.quoted?.(who, { typeUrl, name: 'ALL', version, unconfirmed: false }),
    refuses: (who: StreamInfo, version: string) =>
      observer.nacked?.(who, {
        typeUrl,
        nonce: '1',
        resources: [{ name: 'ALL', version }],
        code: 13,
        message: '',
      }),
    leaves: (who: StreamInfo) => observer.streamClosed?.(who, { code: 'CANCELLED', message: '' }),
  };
}

describe('who has what is served', () => {
  const a = stream(1);

  it('is who acknowledged or quoted it', () => {
    const { publish, asks, sent, acks, quotes, counts } = scene();
    publish('v1');
    asks(a);
    assert.deepEqual(counts(), [0, 1]);
    sent(a, 'v1');
    assert.deepEqual(counts(), [0, 1]);
    acks(a, 'v1');
    assert.deepEqual(counts(), [1, 1]);
    const b = stream(2);
    asks(b);
    quotes(b, 'v1');
    assert.deepEqual(counts(), [2, 2]);
  });

  it('is nobody while a change goes out, for two seconds at most', () => {
    let now = 0;
    const { tally, asks, quotes, counts } = scene(() => now);
    asks(a);
    quotes(a, 'v1');
    tally.published(statesOf('v2'));
    assert.deepEqual(counts(), [0, 1]);
    now = 2_000;
    assert.deepEqual(counts(), [1, 1]);
  });

  it('is not who refused it, even if it acknowledges the same bytes later', () => {
    const { publish, asks, sent, acks, refuses, counts } = scene();
    publish('v1');
    asks(a);
    sent(a, 'v1');
    acks(a, 'v1');
    publish('v2');
    sent(a, 'v2');
    refuses(a, 'v2');
    sent(a, 'v1');
    acks(a, 'v1');
    assert.deepEqual(counts(), [0, 1]);
    acks(a, 'v2', true);
    assert.deepEqual(counts(), [0, 1]);
    publish('v3');
    sent(a, 'v3');
    acks(a, 'v3');
    assert.deepEqual(counts(), [1, 1]);
  });

  it('is a node all of whose streams have it, counted once', () => {
    const [one, two] = [stream(1, 'node'), stream(2, 'node')];
    const { publish, asks, quotes, leaves, counts } = scene();
    publish('v1');
    asks(one);
    asks(two);
    quotes(one, 'v1');
    assert.deepEqual(counts(), [0, 1]);
    leaves(two);
    assert.deepEqual(counts(), [1, 1]);
  });

  it('is counted for each mesh, and for each stream without a node id', () => {
    const { asks, quotes, counts } = scene();
    for (const each of [stream(1, ''), stream(2, ''), stream(3, 'x', 'other')]) {
      asks(each);
      quotes(each, 'v1');
    }
    assert.deepEqual(
      [counts(), counts('other'), counts('none')],
      [
        [2, 2],
        [1, 1],
        [0, 0],
      ],
    );
  });

  it('is who asks for no secret, since nothing is owed to it', () => {
    const { tally, counts } = scene();
    tally.observer.streamOpened?.(a);
    tally.observer.request?.(a, { typeUrl: 'other', kind: 'initial' });
    assert.deepEqual(counts(), [1, 1]);
  });
});
