import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createLogger } from '../../../src/observe/log/log.ts';
import { createEventLog } from '../../../src/observe/log/log-events.ts';
import { proxyLinesInWindow } from '../../../src/observe/log/log-proxies.ts';
import type { StreamInfo } from '../../../src/xds/index.ts';
import { memoryStream } from '../rig.ts';
import { streamOf } from '../streams.ts';

const request = { typeUrl: 't', kind: 'initial', isSubscribed: true } as const;
const end = { by: 'client', code: 'CANCELLED', message: '' } as const;

function makeLog(level: 'info' | 'debug' | 'warn' = 'info') {
  const out = memoryStream();
  const timers: (() => void)[] = [];
  const { observer } = createEventLog({
    log: createLogger({ format: 'json', level, stream: out.stream }),
    proxies: () => 0,
    schedule: (work) => void timers.push(work),
  });
  return {
    open: (stream: StreamInfo) => observer.request?.(stream, request),
    close: (stream: StreamInfo) => observer.streamClosed?.(stream, end),
    lines: out.lines,
    messages: () => out.lines().map(({ event, msg }) => `${String(event)}: ${String(msg)}`),
    timers,
  };
}

const proxy = (id: number, nodeId: string, group = 'default'): StreamInfo => ({
  ...streamOf(),
  id,
  nodeId,
  group,
});

suite('log of proxies', () => {
  test('a proxy connects, disconnects and connects again: a line each, with its node id and mesh', () => {
    const log = makeLog();
    const [first, second] = [proxy(1, 'edge-7'), proxy(2, 'edge-7')];
    log.open(first);
    log.open(first);
    log.close(first);
    log.open(second);
    assert.deepEqual(
      log.lines().map(({ event, node, mesh }) => [event, node, mesh]),
      [
        ['proxy-connected', 'edge-7', 'default'],
        ['proxy-disconnected', 'edge-7', 'default'],
        ['proxy-reconnected', 'edge-7', 'default'],
      ],
    );
    assert.match(
      log.messages()[0] ?? '',
      /^proxy-connected: proxy edge-7 of mesh default connected from \S+$/,
    );
    assert.match(log.messages()[1] ?? '', /: proxy edge-7 of mesh default disconnected$/);
  });

  test('several streams of a proxy: one line for the first, and one after the last', () => {
    const log = makeLog();
    const streams = [proxy(1, 'a'), proxy(2, 'a'), proxy(3, 'a')];
    for (const stream of streams) log.open(stream);
    for (const stream of streams) log.close(stream);
    assert.deepEqual(
      log.lines().map(({ event }) => event),
      ['proxy-connected', 'proxy-disconnected'],
    );
  });

  test('the same node id in two meshes: two proxies', () => {
    const log = makeLog();
    log.open(proxy(1, 'a'));
    log.open(proxy(2, 'a', 'blue'));
    assert.deepEqual(
      log.lines().map(({ mesh }) => mesh),
      ['default', 'blue'],
    );
  });

  test('authenticated proxy: its lines have the identity, and belong to the audit record at every level', () => {
    const log = makeLog('warn');
    const [one, other] = ['spiffe://a.test/one', 'spiffe://a.test/\u001bother'].map((identity, id) => ({
      ...proxy(id, 'edge-7'),
      identity,
    }));
    assert.ok(one !== undefined && other !== undefined);
    log.open(proxy(7, 'anonymous'));
    log.open(one);
    log.open(other);
    log.close(one);
    assert.deepEqual(
      log.lines().map(({ event, audit, node, mesh, identity }) => [event, audit, node, mesh, identity]),
      [
        ['proxy-connected', true, 'edge-7', 'default', 'spiffe://a.test/one'],
        ['proxy-connected', true, 'edge-7', 'default', 'spiffe://a.test/ other'],
        ['proxy-disconnected', true, 'edge-7', 'default', 'spiffe://a.test/one'],
      ],
    );
    for (let id = 0; id <= proxyLinesInWindow; id += 1) log.open({ ...one, id, nodeId: `n${id}` });
    log.timers.shift()?.();
    const { event, audit, connected } = log.lines().at(-1) ?? {};
    assert.deepEqual([event, audit, connected], ['proxies', true, 5]);
  });

  test('a stream that ends before its first request: no line', () => {
    const log = makeLog();
    log.close(proxy(1, ''));
    assert.deepEqual(log.lines(), []);
  });

  test('a storm: a limited number of lines, then one with the numbers of the others, then lines again', () => {
    const log = makeLog();
    const streams = Array.from({ length: 1000 }, (_, index) => proxy(index, `n${index}`));
    for (const stream of streams) log.open(stream);
    for (const stream of streams.slice(0, 300)) log.close(stream);
    assert.equal(log.lines().length, proxyLinesInWindow);
    assert.equal(log.timers.length, 1);
    log.timers.shift()?.();
    const { event, connected, disconnected, msg } = log.lines().at(-1) ?? {};
    assert.deepEqual([event, connected, disconnected], ['proxies', 1000 - proxyLinesInWindow, 300]);
    assert.equal(
      msg,
      `more proxies in the last 10 s: ${1000 - proxyLinesInWindow} connected, 300 disconnected`,
    );
    log.open(proxy(5000, 'late'));
    assert.equal(log.lines().at(-1)?.['node'], 'late');
    log.timers.shift()?.();
    assert.equal(log.lines().at(-1)?.['node'], 'late', 'a quiet window has no summary');
  });

  test('node id with control characters: is printed without them', () => {
    const log = makeLog();
    log.open(proxy(1, 'a\u001b[2J\nforged'));
    assert.equal(log.lines()[0]?.['node'], 'a [2J forged');
  });

  test('debug: the first request of a stream gives its node id', () => {
    const log = makeLog('debug');
    log.open(proxy(9, 'edge-7'));
    const { event, stream, node } = log.lines()[0] ?? {};
    assert.deepEqual([event, stream, node], ['stream-named', 9, 'edge-7']);
  });

  test('debug: a stream without a node id is named as such', () => {
    const log = makeLog('debug');
    log.open(proxy(9, ''));
    assert.equal(log.messages()[0], 'stream-named: stream 9: a proxy without a node id of mesh default');
  });
});
