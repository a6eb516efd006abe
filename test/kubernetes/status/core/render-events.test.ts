import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import type { ObjectHead } from '../../../../src/kubernetes/client/api-object.ts';
import { observedStatus } from '../../../../src/kubernetes/status/core/observed-status.ts';
import { changesToReport, renderEvent } from '../../../../src/kubernetes/status/core/render-events.ts';
import type { Condition, ObjectStatus, Reason } from '../../../../src/kubernetes/status/core/status.ts';

const none = observedStatus(undefined);
const stateOf: Readonly<Record<Condition['type'], (reason: Reason) => Condition['status']>> = {
  Accepted: (reason) => (reason.startsWith('Accepted') || reason === 'NoValidCA' ? 'True' : 'False'),
  Programmed: (reason) => (reason === 'Programmed' ? 'True' : reason === 'NoProxies' ? 'Unknown' : 'False'),
  Expiring: (reason) => (reason.startsWith('Exp') ? 'True' : 'False'),
};

function status(accepted: Reason, programmed: Reason, expiring: Reason, message = 'm'): ObjectStatus {
  const condition = (type: Condition['type'], reason: Reason): Condition => ({
    type,
    reason,
    status: stateOf[type](reason),
    message,
    observedGeneration: 1,
    lastTransitionTime: '2026-11-23T00:00:00Z',
  });
  const conditions = [
    condition('Accepted', accepted),
    condition('Programmed', programmed),
    condition('Expiring', expiring),
  ];
  const nothing = { expires: undefined, expiresIn: undefined };
  return { observedGeneration: 1, version: 'v', authorities: 1, ...nothing, conditions };
}

const well = status('Accepted', 'Programmed', 'Valid');

suite('changes that cause an Event', () => {
  const table: readonly (readonly [string, ObjectStatus, ObjectStatus, readonly string[]])[] = [
    ['no change: no Event', well, well, []],
    ['new object that all proxies have', none, well, ['Normal Programmed']],
    [
      'new object that proxies have not acknowledged yet: no Event',
      none,
      status('Accepted', 'Pending', 'Valid'),
      [],
    ],
    ['all proxies have acknowledged', status('Accepted', 'Pending', 'Valid'), well, ['Normal Programmed']],
    ['rejected block', well, status('PartlyRefused', 'Programmed', 'Valid'), ['Warning PartlyRefused']],
    ['rejected block was fixed', status('PartlyRefused', 'Programmed', 'Valid'), well, ['Normal Accepted']],
    [
      'rejected object',
      none,
      status('Refused', 'NotServed', 'NothingServed'),
      ['Warning Refused', 'Warning NotServed'],
    ],
    ['last good version in force', well, status('StaleKept', 'Programmed', 'Valid'), ['Warning StaleKept']],
    [
      'warning',
      well,
      status('AcceptedWithWarnings', 'Programmed', 'Valid'),
      ['Warning AcceptedWithWarnings'],
    ],
    ['last valid CA expired', well, status('NoValidCA', 'Programmed', 'Valid'), ['Warning NoValidCA']],
    ['a CA is valid again', status('NoValidCA', 'Programmed', 'Valid'), well, ['Normal Accepted']],
    ['expires soon', well, status('Accepted', 'Programmed', 'ExpiresSoon'), ['Warning ExpiresSoon']],
    [
      'expired',
      status('Accepted', 'Programmed', 'ExpiresSoon'),
      status('Accepted', 'Programmed', 'Expired'),
      ['Warning Expired'],
    ],
    ['expired certificate was replaced: no Event', status('Accepted', 'Programmed', 'Expired'), well, []],
    [
      'rejected for another reason',
      status('Refused', 'NotServed', 'NothingServed', 'a'),
      status('Refused', 'NotServed', 'NothingServed', 'b'),
      ['Warning Refused', 'Warning NotServed'],
    ],
  ];
  for (const [what, before, after, expected] of table)
    test(what.includes(': ') ? what : `${what}: ${expected.join(', ') || 'no Event'}`, () => {
      assert.deepEqual(
        changesToReport(before, after).map(({ type, reason }) => `${type} ${reason}`),
        expected,
      );
    });

  test('long note: is cut to the limit in bytes', () => {
    const [change] = changesToReport(none, status('Refused', 'Pending', 'Valid', 'ü'.repeat(5_000)));
    assert.ok(Buffer.byteLength(change!.note) <= 1024);
    assert.match(change!.note, /^ü+…$/);
  });
});

suite('rendered Event', () => {
  const head: ObjectHead = {
    path: 'kubernetes:ns/a',
    namespace: 'ns',
    name: 'a',
    uid: 'u',
    generation: 1,
    status: undefined,
  };
  const change = { type: 'Warning', reason: 'Refused', note: 'n' } as const;
  const nameOf = (of: ObjectHead, note = 'n', now = 0): string => {
    const { metadata } = renderEvent(of, { ...change, note }, { instance: 'pod', now });
    return (metadata as { name: string }).name;
  };

  test('same change from another replica: same name; different change: different name', () => {
    assert.equal(nameOf(head), nameOf(head, 'n', 99));
    const others = [nameOf(head, 'other'), nameOf({ ...head, uid: 'w' }), nameOf({ ...head, generation: 2 })];
    assert.equal(new Set([nameOf(head), ...others]).size, 4);
  });

  test('long object name: the name of the Event is valid', () => {
    const name = nameOf({ ...head, name: `${'a'.repeat(199)}.${'b'.repeat(50)}` });
    assert.match(name, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
    assert.ok(name.length <= 253);
  });
});
