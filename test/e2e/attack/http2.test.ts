import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assertServed, skip, underAttack } from './under-attack.ts';
import type { Seen } from './under-attack.ts';

const options = { attackMs: 2_000, program: 'flood-http2.ts' };

/** Counts the connections that the server closed for a reason. */
async function closedFor({ metric }: Seen, reason: string): Promise<number> {
  return (await metric('meshtrust_xds_connections_closed_total')).get(`reason="${reason}"`) ?? 0;
}

suite('attack on HTTP/2: changes and new proxies are served, memory is bounded', { skip }, () => {
  for (const [kind, reason] of [
    ['priorities', 'http2-error'],
    ['unknown-frames', 'http2-error'],
    ['padding', 'http2-error'],
    ['endless-header-list', 'http2-error'],
    ['long-header-lists', undefined],
    ['hpack-bomb', undefined],
    ['hpack-churn', undefined],
    ['window-updates', undefined],
    ['stream-window-updates', undefined],
    ['one-byte-frames', undefined],
    ['one-byte-windows', undefined],
    ['zero-windows', undefined],
    ['announced-4-gb', 'useless-streams'],
    ['data-after-end', undefined],
    ['goaways', undefined],
  ] as const)
    test(`${kind}${reason === undefined ? '' : `: the connections are closed for ${reason}`}`, () =>
      underAttack(
        kind,
        async (seen) => {
          assertServed(seen);
          if (reason !== undefined)
            assert.ok((await closedFor(seen, reason)) > 0, 'no connection was closed');
        },
        options,
      ));

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
