import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { unknownPeer } from '../../../src/xds/core/peer.ts';
import type { DeltaRequest } from '../../../src/xds/core/request.ts';
import type { Authorization } from '../../../src/xds/server/authorize.ts';
import { StreamAccess } from '../../../src/xds/server/stream-access.ts';

const request: DeltaRequest = {
  kind: 'delta',
  node: { id: 'edge', cluster: '', metadata: {}, userAgentName: '', userAgentVersion: '' },
  typeUrl: 'type',
  subscribe: [],
  unsubscribe: [],
  initialVersions: new Map(),
  nonce: '',
  error: undefined,
};
const allowed: Authorization = { kind: 'allowed', identity: 'one', group: 'mesh' };
const refused: Authorization = { kind: 'refused', code: 'PERMISSION_DENIED', reason: 'mesh', message: 'no' };

/** Begins a stream at time 0 that is judged again after 1,000 ms, plus or minus a tenth. */
function begin(answers: readonly (Authorization | Promise<Authorization>)[], maxStreamAgeMs = 1_000) {
  const events: string[] = [];
  let asks = 0;
  const access = new StreamAccess<DeltaRequest>(
    {
      authorize: (_, { id }) => {
        events.push(`asked about ${id}`);
        return answers[asks++] ?? allowed;
      },
      nodeField: 1,
      maxStreamAgeMs,
    },
    unknownPeer,
    {
      decided: (_, outcome) => events.push(`decided ${outcome.kind}`),
      deny: (nodeId, { code }, again) => events.push(`denied ${nodeId} ${code} ${String(again)}`),
      outdated: () => events.push('outdated'),
    },
  );
  access.begin(request, 0);
  return { access, rest: () => events.splice(0) };
}

suite('age of a stream', () => {
  test('age, plus or minus a tenth: its client is judged again, and then at this interval', () => {
    const { access, rest } = begin([]);
    assert.deepEqual(rest(), ['asked about edge', 'decided allowed']);
    access.judgeAgain(899);
    assert.deepEqual(rest(), []);
    access.judgeAgain(1_101);
    assert.deepEqual(rest(), ['asked about edge']);
    access.judgeAgain(1_101 + 899);
    assert.deepEqual(rest(), []);
    access.judgeAgain(1_101 + 1_101);
    assert.deepEqual(rest(), ['asked about edge']);
  });

  test('no age: a client is judged once', () => {
    const { access, rest } = begin([], 0);
    rest();
    access.judgeAgain(Number.MAX_VALUE);
    assert.deepEqual(rest(), []);
  });

  const table: readonly (readonly [string, Authorization, readonly string[]])[] = [
    ['the same decision', allowed, []],
    ['a refusal', refused, ['denied edge PERMISSION_DENIED true']],
    ['no answer now', { ...refused, code: 'UNAVAILABLE' }, []],
    ['another identity', { ...allowed, identity: 'two' }, ['outdated']],
    ['no identity', { kind: 'allowed', group: 'mesh' }, ['outdated']],
    ['another group', { ...allowed, group: 'other' }, ['outdated']],
  ];
  for (const [what, answer, expected] of table)
    test(`${what}: ${expected[0] ?? 'leaves the stream open'}`, async () => {
      for (const given of [answer, Promise.resolve(answer)]) {
        const { access, rest } = begin([allowed, given]);
        rest();
        access.judgeAgain(2_000);
        await new Promise(setImmediate);
        assert.deepEqual(rest(), ['asked about edge', ...expected]);
      }
    });

  test('error of the judge: leaves the stream open', async () => {
    const { access, rest } = begin([allowed, Promise.reject(new Error('broken'))]);
    rest();
    access.judgeAgain(2_000);
    await new Promise(setImmediate);
    assert.deepEqual(rest(), ['asked about edge']);
  });

  test('answer after the end of the stream: has no effect', async () => {
    const answer = Promise.withResolvers<Authorization>();
    const { access, rest } = begin([allowed, answer.promise]);
    access.judgeAgain(2_000);
    rest();
    access.end();
    answer.resolve(refused);
    await new Promise(setImmediate);
    assert.deepEqual(rest(), []);
  });
});
