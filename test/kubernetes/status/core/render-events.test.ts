import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

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
  return { observedGeneration: 1, version: 'v', authorities: 1, expires: undefined, conditions };
}

const well = status('Accepted', 'Programmed', 'Valid');

describe('what is news', () => {
  const table: readonly (readonly [string, ObjectStatus, ObjectStatus, readonly string[]])[] = [
    ['nothing changed', well, well, []],
    ['a new object that is served', none, well, ['Normal Programmed']],
    ['a new object on its way', none, status('Accepted', 'Pending', 'Valid'), []],
    ['it arrived', status('Accepted', 'Pending', 'Valid'), well, ['Normal Programmed']],
    ['a refused block', well, status('PartlyRefused', 'Programmed', 'Valid'), ['Warning PartlyRefused']],
    ['it is mended', status('PartlyRefused', 'Programmed', 'Valid'), well, ['Normal Accepted']],
    [
      'a refused object',
      none,
      status('Refused', 'NotServed', 'NothingServed'),
      ['Warning Refused', 'Warning NotServed'],
    ],
    ['stale', well, status('StaleKept', 'Programmed', 'Valid'), ['Warning StaleKept']],
    [
      'a warning',
      well,
      status('AcceptedWithWarnings', 'Programmed', 'Valid'),
      ['Warning AcceptedWithWarnings'],
    ],
    ['no CA is valid any more', well, status('NoValidCA', 'Programmed', 'Valid'), ['Warning NoValidCA']],
    ['one is valid again', status('NoValidCA', 'Programmed', 'Valid'), well, ['Normal Accepted']],
    ['it expires soon', well, status('Accepted', 'Programmed', 'ExpiresSoon'), ['Warning ExpiresSoon']],
    [
      'it expired',
      status('Accepted', 'Programmed', 'ExpiresSoon'),
      status('Accepted', 'Programmed', 'Expired'),
      ['Warning Expired'],
    ],
    ['it was renewed', status('Accepted', 'Programmed', 'Expired'), well, []],
    [
      'another refusal',
      status('Refused', 'NotServed', 'NothingServed', 'a'),
      status('Refused', 'NotServed', 'NothingServed', 'b'),
      ['Warning Refused', 'Warning NotServed'],
    ],
  ];
  for (const [what, before, after, expected] of table)
    it(what, () => {
      assert.deepEqual(
        changesToReport(before, after).map(({ type, reason }) => `${type} ${reason}`),
        expected,
      );
    });

  it('fits into an Event, in bytes', () => {
    const [told] = changesToReport(none, status('Refused', 'Pending', 'Valid', 'ü'.repeat(5_000)));
    assert.ok(Buffer.byteLength(told!.note) <= 1024);
    assert.match(told!.note, /^ü+…$/);
  });
});

describe('an Event', () => {
  const head: ObjectHead = {
    path: 'kubernetes:ns/a',
    namespace: 'ns',
    name: 'a',
    uid: 'u',
    generation: 1,
    status: undefined,
  };
  const told = { type: 'Warning', reason: 'Refused', note: 'n' } as const;
  const nameOf = (of: ObjectHead, note = 'n', now = 0): string => {
    const { metadata } = renderEvent(of, { ...told, note }, { instance: 'pod', now });
    return (metadata as { name: string }).name;
  };

  it('has the same name whoever tells it, and another for what is different', () => {
    assert.equal(nameOf(head), nameOf(head, 'n', 99));
    const others = [nameOf(head, 'other'), nameOf({ ...head, uid: 'w' }), nameOf({ ...head, generation: 2 })];
    assert.equal(new Set([nameOf(head), ...others]).size, 4);
  });

  it('has a name that the API server takes, even of a long object', () => {
    const name = nameOf({ ...head, name: `${'a'.repeat(199)}.${'b'.repeat(50)}` });
    assert.match(name, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
    assert.ok(name.length <= 253);
  });
});
