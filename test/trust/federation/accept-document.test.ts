import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptDocument, emptyMemory } from '../../../src/trust/federation/accept-document.ts';
import type { BundleMemory, DocumentEffect } from '../../../src/trust/federation/accept-document.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { readDocument } from '../../kit/federation.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const cas = { a: [a], b: [b], ab: [a, b], none: [] };
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** A document that comes at a time, and its effect. */
type Step = readonly [
  at: number,
  cas: keyof typeof cas,
  sequence: number | undefined,
  effect: DocumentEffect,
];

const cases: Readonly<Record<string, readonly Step[]>> = {
  'first document: applies': [[0, 'a', 5, 'apply']],
  'first document without a key: is confirmed, because a bootstrap bundle may be in force': [
    [0, 'none', 5, 'hold'],
    [29 * second, 'none', 5, 'hold'],
    [30 * second, 'none', 5, 'withdraw'],
  ],
  'first document without a key, once: the next one applies': [
    [0, 'none', 5, 'hold'],
    [minute, 'a', 1, 'apply'],
  ],
  'same content: changes nothing, with any sequence': [
    [0, 'a', 5, 'apply'],
    [1, 'a', 5, 'unchanged'],
    [2, 'a', 9, 'unchanged'],
    [3, 'a', 1, 'unchanged'],
    [4, 'a', undefined, 'unchanged'],
  ],
  'other content with a higher sequence: applies': [
    [0, 'a', 5, 'apply'],
    [1, 'ab', 6, 'apply'],
  ],
  'other content with the same sequence or none: applies': [
    [0, 'a', 5, 'apply'],
    [1, 'ab', 5, 'apply'],
    [2, 'b', undefined, 'apply'],
    [3, 'a', 1, 'apply'],
  ],
  'lower sequence: applies at the third time, not before five minutes': [
    [0, 'a', 5, 'apply'],
    [minute, 'b', 1, 'hold'],
    [2 * minute, 'b', 1, 'hold'],
    [3 * minute, 'b', 2, 'hold'],
    [6 * minute, 'b', 2, 'apply'],
    [7 * minute, 'ab', 3, 'apply'],
  ],
  'lower sequence: after five minutes, not before the third time': [
    [0, 'a', 5, 'apply'],
    [minute, 'b', 1, 'hold'],
    [10 * minute, 'b', 1, 'hold'],
    [11 * minute, 'b', 1, 'apply'],
  ],
  'lower sequence: other content in between begins again': [
    [0, 'a', 5, 'apply'],
    [minute, 'b', 1, 'hold'],
    [5 * minute, 'b', 1, 'hold'],
    [6 * minute, 'ab', 1, 'hold'],
    [7 * minute, 'b', 1, 'hold'],
    [9 * minute, 'b', 1, 'hold'],
    [12 * minute, 'b', 1, 'apply'],
  ],
  'lower sequence, and the clock goes back: the wait begins again, and is no longer': [
    [hour, 'a', 5, 'apply'],
    [hour + minute, 'b', 1, 'hold'],
    [2 * minute, 'b', 1, 'hold'],
    [4 * minute, 'b', 1, 'hold'],
    [7 * minute, 'b', 1, 'apply'],
  ],
  'without a key, and the clock goes back: the wait begins again, and is no longer': [
    [hour, 'a', 5, 'apply'],
    [hour + minute, 'none', 6, 'hold'],
    [minute, 'none', 6, 'hold'],
    [minute + 30 * second, 'none', 6, 'withdraw'],
  ],
  'stale replica behind one address: the newer content stays': [
    [0, 'ab', 5, 'apply'],
    [minute, 'a', 4, 'hold'],
    [2 * minute, 'ab', 5, 'unchanged'],
    [9 * minute, 'a', 4, 'hold'],
    [10 * minute, 'ab', 5, 'unchanged'],
  ],
  'the highest sequence of equal content counts': [
    [0, 'a', 5, 'apply'],
    [1, 'a', 9, 'unchanged'],
    [2, 'b', 7, 'hold'],
  ],
  'empty: is confirmed by a second fetch after 30 seconds': [
    [0, 'a', 5, 'apply'],
    [minute, 'none', 6, 'hold'],
    [minute + 29 * second, 'none', 6, 'hold'],
    [minute + 30 * second, 'none', 6, 'withdraw'],
    [5 * minute, 'none', 6, 'unchanged'],
    [6 * minute, 'a', 7, 'apply'],
  ],
  'empty once, by accident: changes nothing': [
    [0, 'a', 5, 'apply'],
    [minute, 'none', 6, 'hold'],
    [2 * minute, 'a', 7, 'unchanged'],
    [3 * minute, 'none', 8, 'hold'],
  ],
  'empty with a lower sequence: both rules hold': [
    [0, 'a', 5, 'apply'],
    [minute, 'none', 1, 'hold'],
    [2 * minute, 'none', 1, 'hold'],
    [3 * minute, 'none', 1, 'hold'],
    [6 * minute, 'none', 1, 'withdraw'],
  ],
};

test('document: applies, is held, or withdraws', async (t) => {
  for (const [name, steps] of Object.entries(cases))
    await t.test(name, () => {
      let memory: BundleMemory = emptyMemory;
      for (const [index, [at, of, sequence, effect]] of steps.entries()) {
        const document = readDocument(bundleDocument(cas[of], sequence === undefined ? {} : { sequence }));
        const result = acceptDocument(memory, document, at);
        assert.equal(result.effect, effect, `step ${index}`);
        memory = result.memory;
      }
    });
});
