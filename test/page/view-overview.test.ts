import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewNextExpiry } from '../../src/page/view-overview.ts';
import { plainOf, textOf } from './template-text.ts';

const now = Date.parse('2026-11-30T12:00:00Z');

for (const [time, text, state] of [
  [undefined, '—', undefined],
  ['2026-11-28T12:00:00Z', 'expired 2 d ago 2026-11-28', 'state expired'],
  ['2026-12-04T12:00:00Z', 'in 4 d 2026-12-04', 'state expiring'],
  ['2036-11-30T12:00:00Z', 'in 10 y 2036-11-30', ''],
] as const)
  test(`next expiry ${time ?? 'of a mesh without a CA'}: ${text}`, () => {
    const html = textOf(viewNextExpiry(time, now));
    assert.equal(plainOf(html), text);
    assert.equal(/class=(?<state>[\w ]*)>/.exec(html)?.groups?.['state'], state);
  });
