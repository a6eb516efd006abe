import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ConsumerDetail, ConsumerList } from '../../src/api/consumer-api-types.ts';
import { viewConsumers } from '../../src/page/view-consumers.ts';
import { plainOf, textOf } from './template-text.ts';

const now = Date.parse('2026-11-28T12:00:00Z');

function consumer(address: string, state: ConsumerDetail['state'], overdue = false): ConsumerDetail {
  const lastFetchAt = '2026-11-28T11:59:00.000Z';
  return { mesh: 'default', trustDomain: 'a.test', address, userAgent: 'x/1', lastFetchAt, state, overdue };
}

/** Returns the text of each row of consumers. */
function rowsOf(...consumers: readonly ConsumerDetail[]): readonly string[] {
  const bundle = { mesh: 'default', trustDomain: 'a.test', sequence: 1, etag: '"1"', keys: 1 };
  const list: ConsumerList = { published: [bundle], consumers, forgotten: 0 };
  const html = textOf(viewConsumers(list, 'default', now));
  return html.split('<tr>').slice(2).map(plainOf);
}

suite('consumers on the page', () => {
  test('each state → those without the bundle first, and confirmed ones last', () => {
    const rows = rowsOf(
      consumer('10.0.0.1', 'current'),
      consumer('10.0.0.2', 'sent'),
      consumer('10.0.0.3', 'unknown'),
      consumer('10.0.0.4', 'behind'),
    );
    assert.deepEqual(
      rows.map((row) => /^(\S+) x\/1 a\.test (\w+)/.exec(row)?.slice(1)),
      [
        ['10.0.0.4', 'behind'],
        ['10.0.0.3', 'unknown'],
        ['10.0.0.2', 'sent'],
        ['10.0.0.1', 'current'],
      ],
    );
  });

  test('a consumer that no longer fetches → is overdue', () => {
    const rows = rowsOf(consumer('10.0.0.1', 'current', true), consumer('10.0.0.2', 'current'));
    assert.deepEqual(
      rows.map((row) => row.endsWith('overdue')),
      [true, false],
    );
  });
});
