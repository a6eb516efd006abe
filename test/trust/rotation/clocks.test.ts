import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { changeToRecord, readClocks } from '../../../src/trust/rotation/clocks.ts';
import { gatesOf } from '../../../src/trust/rotation/gates.ts';
import { drained, hour, now, server } from './facts.ts';

suite('clocks of a rotation', () => {
  test('the clock of the operator is ahead → R41 opens by the clock of the server', () => {
    const servers = [server({ at: now })];
    const { earliest } = readClocks(now + hour, servers);
    const input = drained({ servers, now: earliest }, { switchedAt: now - 24 * hour });
    assert.equal(gatesOf('finish', input).find(({ id }) => id === 'R41')?.open, false);
  });

  test('clocks that differ → the earliest judges, and the latest is recorded', () => {
    const servers = [server({ at: now - 1 }), server({ at: now + 1 }), server()];
    assert.deepEqual(readClocks(now, servers), { earliest: now - 1, latest: now + 1 });
    assert.deepEqual(readClocks(now + 2, servers), { earliest: now - 1, latest: now + 2 });
  });

  test('the clock is behind the one that recorded the last step → the switch and back are not recorded before it', () => {
    const ahead = now + hour;
    for (const [marks, expected] of [
      [{}, now],
      [{ startedAt: ahead }, ahead],
      [{ switchedAt: ahead }, ahead],
      [{ backAt: ahead }, ahead],
      [{ startedAt: 'unknown', backAt: 'unknown' }, now],
      [{ startedAt: now - hour, switchedAt: now - 1, backAt: now - 2 }, now],
    ] as const) {
      const input = drained({}, { switchedAt: undefined, ...marks });
      assert.equal(Date.parse(changeToRecord(input)), expected, JSON.stringify(marks));
    }
  });

  test('no server says its time → the clock of the operator', () => {
    const silent = { kind: 'unreachable', server: 'two', reason: 'no answer' } as const;
    const servers = [server(), server({ at: NaN }), silent];
    assert.deepEqual(readClocks(now, servers), { earliest: now, latest: now });
  });
});
