import { suite, test } from 'node:test';
import { poll } from '../../kit/poll.ts';
import { assertServed, skip, underAttack } from './under-attack.ts';
import type { Seen } from './under-attack.ts';

/** The machine may be busy: the attack continues until it has an effect. */
const awaited = { timeoutMs: 60_000 };
const options = { attackMs: 2_000, program: 'flood-http2.ts' };

/** Counts the connections that the server closed because of the attacker. */
async function closedIn({ metric }: Seen): Promise<number> {
  const closed = await metric('meshtrust_xds_connections_closed_total');
  return closed.values().reduce((sum, count) => sum + count, 0);
}

/** Waits until the server has ended a stream with the status. */
async function untilEnded({ metric }: Seen, code: string): Promise<void> {
  await poll(
    `a stream that ends with ${code}`,
    async () => {
      const ended = await metric('meshtrust_xds_streams_closed_total');
      return (ended.get(`code="${code}"`) ?? 0) > 0 || undefined;
    },
    awaited,
  );
}

/** Attacks that end their connections. A repeated frame is counted, and ends its connection early. */
const closed = {
  repeated: [
    'priorities',
    'unknown-frames',
    'padding',
    'endless-header-list',
    'window-updates',
    'stream-window-updates',
    'one-byte-frames',
    'window-settings',
  ],
  other: [
    'long-header-lists',
    'hpack-bomb',
    'hpack-churn',
    'zero-windows',
    'announced-4-gb',
    'data-after-end',
    'one-byte-windows',
  ],
} as const;

suite('attack on HTTP/2: changes and new proxies are served, CPU and memory are bounded', { skip }, () => {
  for (const [kinds, cpuRatio] of [
    [closed.repeated, 2],
    [closed.other, undefined],
  ] as const)
    for (const kind of kinds)
      test(`${kind}: its connections are closed`, () =>
        underAttack(
          kind,
          async (seen) => {
            assertServed(seen);
            await poll('a closed connection', async () => (await closedIn(seen)) > 0 || undefined, awaited);
          },
          { ...options, cpuRatio },
        ));

  test('goaways', () => underAttack('goaways', assertServed, options));

  test('zero-windows-trust: megabytes wait for streams without a window, and the streams end in time', () =>
    underAttack(
      'zero-windows-trust',
      async (seen) => {
        assertServed(seen);
        await untilEnded(seen, 'RESOURCE_EXHAUSTED');
      },
      // 250 streams are opened with a few bytes.
      { ...options, attackMs: 4_000, bulk: 300, cpuRatio: 15, args: ['--slow-timeout=1s'] },
    ));

  test('hoarded-responses: each is encoded for one stream, and the connections that hold the most are closed', () =>
    underAttack(
      'hoarded-responses',
      async (seen) => {
        // 256 MiB of responses, and what the garbage collector has not freed.
        assertServed(seen, 768);
        await poll(
          'a connection that was closed because of its responses',
          async () => {
            const closed = await seen.metric('meshtrust_xds_connections_closed_total');
            return (closed.get('reason="response-bytes"') ?? 0) > 0 || undefined;
          },
          awaited,
        );
      },
      // A response is encoded for a request of 100 bytes.
      { ...options, attackMs: 8_000, bulk: 600, cpuRatio: 30 },
    ));

  test('slow-bodies: the streams end in time', () =>
    underAttack(
      'slow-bodies',
      async (seen) => {
        assertServed(seen);
        await untilEnded(seen, 'DEADLINE_EXCEEDED');
      },
      { ...options, attackMs: 4_000, args: ['--request-timeout=1s'] },
    ));

  for (const [kind, args] of [
    ['slow-preface', ['--request-timeout=1s']],
    ['slow-headers', ['--keepalive=1s', '--keepalive-timeout=500ms']],
  ] as const)
    test(`${kind}: the connections end in time`, () =>
      underAttack(
        kind,
        async (seen) => {
          assertServed(seen);
          await poll('1,000 ended connections', () => seen.cutOff() >= 1_000 || undefined, awaited);
        },
        { ...options, attackMs: 4_000, args },
      ));
});
