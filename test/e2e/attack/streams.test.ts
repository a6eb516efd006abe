import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { xdsTransports } from '../../kit/xds-transports.ts';
import { assertServed, skip, underAttack } from './under-attack.ts';

/** Attacks, with the counter of the server that shows how they ended. */
type Attacks = Readonly<Record<string, readonly [metric: string, label: string] | undefined>>;

const attacks: Attacks = {
  'unknown-method': ['meshtrust_xds_streams_refused_total', 'reason="unknown-method"'],
  'streams-without-request': undefined,
  resets: ['meshtrust_xds_connections_closed_total', 'reason="useless-streams"'],
  'requests-and-resets': ['meshtrust_xds_connections_closed_total', 'reason="useless-streams"'],
  requests: undefined,
  reflection: ['meshtrust_xds_streams_refused_total', 'reason="too-many-calls"'],
  health: undefined,
  unfinished: ['meshtrust_xds_connections_closed_total', 'reason="request-bytes"'],
  'unfinished-reflection': ['meshtrust_xds_connections_closed_total', 'reason="request-bytes"'],
  'long-lists': undefined,
  'requests-without-end': undefined,
  metadata: undefined,
};

/** Attacks on HTTP/2 itself. */
const closedByHttp2 = ['meshtrust_xds_connections_closed_total', 'reason="http2-error"'] as const;
const http2Attacks: Attacks = {
  pings: closedByHttp2,
  settings: closedByHttp2,
  'empty-data': closedByHttp2,
  'endless-headers': closedByHttp2,
  'resets-by-the-server': ['meshtrust_xds_connections_closed_total', 'reason="useless-streams"'],
};

function testAttacks(
  all: Attacks,
  options: { readonly attackMs?: number; readonly args?: readonly string[] },
) {
  for (const [kind, counter] of Object.entries(all)) {
    test(kind, () =>
      underAttack(
        kind,
        async (seen) => {
          assertServed(seen);
          if (counter === undefined) return;
          const [metric, label] = counter;
          const count = (await seen.metric(metric)).get(label) ?? 0;
          assert.ok(count > 0, `${metric}{${label}} is ${count}`);
        },
        options,
      ),
    );
  }
}

suite(
  'attack on streams without credentials: changes and new proxies are served, memory is bounded',
  { skip },
  () =>
    testAttacks(
      // The own transport refuses calls above its budget of bytes, but closes no connection.
      { ...attacks, 'unfinished-reflection': undefined, ...http2Attacks },
      { args: ['--xds-transport=own'] },
    ),
);

suite('attack on grpc-js: changes and new proxies are served, memory is bounded', { skip }, () =>
  testAttacks(attacks, { attackMs: 2_000, args: ['--xds-transport=grpc-js'] }),
);

for (const transport of xdsTransports)
  test(
    `attack by half TLS handshakes, ${transport}: they end in time, new proxies are served, memory is bounded`,
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
        { tls: true, args: ['--request-timeout=1s', `--xds-transport=${transport}`] },
      ),
  );
