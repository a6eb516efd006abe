import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { rotationsOf } from '../../src/admin/rotation-routes.ts';
import type { RotationInput } from '../../src/admin/rotation-routes.ts';
import { createServedHistory } from '../../src/fleet/served-history.ts';
import { newHash, now, oldHash } from '../trust/rotation/facts.ts';

/** A MeshTrust with the annotations of a rotation, and perhaps the time of the switch. */
const rotating = (switchedAt: number | undefined): object => ({
  mesh: 'default',
  identity: 'default//zone',
  trustDomain: 'a.test',
  place: {},
  blocks: [],
  rotation: { old: oldHash, new: newHash, switchedAt, leafTtlMs: undefined },
});

suite('the rotations of a server', () => {
  for (const [what, later, expected] of [
    ['are read', [rotating(now)], [new Date(now).toISOString().replace('.000', '')]],
    ['are removed', [], []],
  ] as const)
    test(`annotations that ${what} while workers are asked: count as they are then`, async () => {
      const history = createServedHistory();
      let ledger = { rotating: [rotating(undefined)] as readonly object[], held: [], sources: [] };
      const look = (): Promise<object> => {
        ledger = { ...ledger, rotating: later };
        return Promise.resolve({ connected: [], gone: [], complete: true, forgotten: 0, unlisted: [] });
      };
      const input = {
        version: '1',
        view: () => ({ ledger, findings: [], meshes: new Map(), readiness: { kind: 'ready' } }),
        wall: () => now,
        now: () => 0,
        draining: () => false,
        proxies: () => 0,
        fleet: { history, look },
      } as unknown as RotationInput;
      const rotations = await rotationsOf(input, 'default');
      assert.deepEqual(
        rotations.map(({ switchedAt }) => switchedAt),
        expected,
      );
    });
});
