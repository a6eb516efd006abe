import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFindingTimes } from '../../src/runtime/finding-changes.ts';
import { finding } from '../../src/trust/findings/finding.ts';

test('finding: keeps the time of its first report, also when its line moves; a resolved one that returns is new', () => {
  let now = 1_000;
  const times = createFindingTimes(() => now);
  const first = finding('MT002', 'is bad', { file: 'a.yaml', line: 1 });
  const moved = finding('MT002', 'is bad', { file: 'a.yaml', line: 9 });
  assert.equal(times.since(first), undefined);
  times.state({ kind: 'findings', appeared: [first], resolved: [] });
  now = 2_000;
  times.state({
    kind: 'findings',
    appeared: [finding('MT006', 'is empty', { file: 'b.yaml' })],
    resolved: [],
  });
  assert.deepEqual([times.since(first), times.since(moved)], [1_000, 1_000]);
  times.state({ kind: 'findings', appeared: [], resolved: [first] });
  assert.equal(times.since(moved), undefined);
  now = 3_000;
  times.state({ kind: 'findings', appeared: [moved], resolved: [] });
  assert.equal(times.since(first), 3_000);
});
