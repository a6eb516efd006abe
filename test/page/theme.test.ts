import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextTheme } from '../../src/page/theme.ts';

test('theme: system, then light, then dark, then system again', () =>
  assert.deepEqual((['system', 'light', 'dark'] as const).map(nextTheme), ['light', 'dark', 'system']));
