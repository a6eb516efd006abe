import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assertServed, skip, underAttack } from './under-attack.ts';
import type { Seen } from './under-attack.ts';

const options = { attackMs: 2_000, program: 'flood-http2.ts' };

/** Counts the connections that the server closed because of the attacker. */
async function closedIn({ metric }: Seen): Promise<number> {
  const closed = await metric('meshtrust_xds_connections_closed_total');
  return closed.values().reduce((sum, count) => sum + count, 0);
}

suite('attack on HTTP/2: changes and new proxies are served, memory is bounded', { skip }, () => {
  for (const kind of [
    'priorities',
    'unknown-frames',
    'padding',
    'endless-header-list',
    'long-header-lists',
    'hpack-bomb',
    'hpack-churn',
    'zero-windows',
    'announced-4-gb',
    'data-after-end',
    'window-updates',
    'stream-window-updates',
    'one-byte-frames',
    'one-byte-windows',
  ])
    test(`${kind}: its connections are closed`, () =>
      underAttack(
        kind,
        async (seen) => {
          assertServed(seen);
          assert.ok((await closedIn(seen)) > 0);
        },
        options,
      ));

  test('goaways', () => underAttack('goaways', assertServed, options));

  for (const [kind, args] of [
    ['slow-preface', ['--request-timeout=1s']],
    ['slow-headers', ['--keepalive=1s', '--keepalive-timeout=500ms']],
  ] as const)
    test(`${kind}: the connections end in time`, () =>
      underAttack(
        kind,
        (seen) => {
          assertServed(seen);
          assert.ok(seen.cutOff >= 1_000, `${seen.cutOff} connections ended`);
        },
        { ...options, attackMs: 4_000, args },
      ));
});
