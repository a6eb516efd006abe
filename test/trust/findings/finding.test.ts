import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compareFindings, finding, formatFinding } from '../../../src/trust/findings/finding.ts';

suite('finding', () => {
  test('severity: by default the one of the code', () => {
    assert.equal(finding('MT013', 'x').severity, 'error');
    assert.equal(finding('MT023', 'x', {}, 'info').severity, 'info');
  });

  const lines: readonly (readonly [Parameters<typeof finding>[2], string])[] = [
    [
      { file: 'a.yaml', line: 3, path: 'spec.x', block: 2, resource: 'm/n/r' },
      'a.yaml:3 spec.x block 2: MT003 is wrong',
    ],
    [{ file: 'a.yaml', path: 'spec.x' }, 'a.yaml spec.x: MT003 is wrong'],
    [{ resource: 'm/n/r' }, 'm/n/r: MT003 is wrong'],
    [{}, 'MT003 is wrong'],
  ];
  for (const [detail, expected] of lines) {
    test(`formatFinding → "${expected}"`, () =>
      assert.equal(formatFinding(finding('MT003', 'is wrong', detail)), expected));
  }

  test('compareFindings: by severity, then by file and line', () => {
    const found = [
      finding('MT025', 'x'),
      finding('MT020', 'x', { file: 'b' }),
      finding('MT013', 'x', { file: 'b', line: 10 }),
      finding('MT013', 'x', { file: 'b', line: 9 }),
      finding('MT013', 'x', { file: 'a', line: 99 }),
    ];
    assert.deepEqual(
      found.sort(compareFindings).map(({ code, file, line }) => [code, file, line]),
      [
        ['MT013', 'a', 99],
        ['MT013', 'b', 9],
        ['MT013', 'b', 10],
        ['MT020', 'b', undefined],
        ['MT025', undefined, undefined],
      ],
    );
  });
});
