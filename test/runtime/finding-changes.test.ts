import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { findingChanges } from '../../src/runtime/finding-changes.ts';
import { finding } from '../../src/trust/findings/finding.ts';

const [a, b, c] = [
  finding('MT025', 'a', { file: 'a' }),
  finding('MT013', 'b', { file: 'b' }),
  finding('MT003', 'c', { file: 'a' }),
] as const;

suite('changes of findings', () => {
  test('same findings in another order, as other objects or on other lines: no change', () => {
    const again = { ...b, line: 7 };
    assert.deepEqual(findingChanges([a, b], [again, a]), { appeared: [], resolved: [] });
  });

  test('findings appear and disappear: both are reported, most severe first', () => {
    assert.deepEqual(findingChanges([a], [a, b]), { appeared: [b], resolved: [] });
    assert.deepEqual(findingChanges([], [a, b, c]), { appeared: [c, b, a], resolved: [] });
    assert.deepEqual(findingChanges([a, b], []), { appeared: [], resolved: [b, a] });
  });
});
