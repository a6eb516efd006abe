import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assertServed, skip, underAttack } from './under-attack.ts';

/** Attacks, and the counter that says how they ended. */
const attacks: Readonly<Record<string, readonly [metric: string, label: string] | undefined>> = {
  'unknown-method': ['meshtrust_xds_streams_refused_total', 'reason="unknown-method"'],
  'streams-without-request': undefined,
  resets: ['meshtrust_xds_connections_closed_total', 'reason="useless-streams"'],
  'requests-and-resets': ['meshtrust_xds_connections_closed_total', 'reason="useless-streams"'],
  requests: undefined,
  reflection: ['meshtrust_xds_streams_refused_total', 'reason="too-many-calls"'],
  health: undefined,
  unfinished: ['meshtrust_xds_connections_closed_total', 'reason="request-bytes"'],
  metadata: undefined,
};

suite(
  'attack on streams without credentials: changes and newcomers are served, memory is bounded',
  { skip },
  () => {
    for (const [kind, counter] of Object.entries(attacks)) {
      test(kind, () =>
        underAttack(kind, async (seen) => {
          assertServed(seen);
          if (counter === undefined) return;
          const [metric, label] = counter;
          const count = (await seen.metric(metric)).get(label) ?? 0;
          assert.ok(count > 0, `${metric}{${label}} is ${count}`);
        }),
      );
    }
  },
);

test(
  'attack by half TLS handshakes: they end in time, changes and newcomers are served, memory is bounded',
  { skip },
  () =>
    underAttack(
      'handshakes',
      async (seen) => {
        assertServed(seen);
        const failures = await seen.metric('meshtrust_xds_auth_failures_total');
        const ended = failures.get('reason="handshake"') ?? 0;
        assert.ok(ended >= 2_000, `${ended} handshakes ended`);
      },
      { tls: true, args: ['--request-timeout=1s'] },
    ),
);
