import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ReadinessState } from '../../../src/trust/ledger/readiness.ts';
import type { SourceStatus } from '../../../src/trust/ledger/source-status.ts';

function status(parts: Partial<SourceStatus>): SourceStatus {
  const none = {
    name: 'files',
    synced: false,
    restored: false,
    rejected: 0,
    accepted: 1,
    failure: undefined,
  };
  return { ...none, ...parts } as SourceStatus;
}

const unread = status({});
const readWell = status({ synced: true });
const doubtful = status({ synced: true, rejected: 1 });
const failing = status({ name: 'kubernetes', failure: 'HTTP 503' });

interface Step {
  readonly at: number;
  readonly sources: readonly SourceStatus[];
  /** The readiness after the step, and whether the step changed it. */
  readonly kind: string;
  readonly changed: boolean;
}

/** With a hold of 1,000 ms and the optional source `kubernetes`. */
const cases: Readonly<Record<string, readonly Step[]>> = {
  'a source is not read yet: waits, and names the source once': [
    { at: 0, sources: [unread], kind: 'waiting', changed: true },
    { at: 10, sources: [unread], kind: 'waiting', changed: false },
    { at: 20, sources: [readWell], kind: 'ready', changed: true },
  ],
  'a source fails after the server was ready: stays ready': [
    { at: 0, sources: [readWell], kind: 'ready', changed: true },
    { at: 10, sources: [unread], kind: 'ready', changed: false },
  ],
  'a doubtful first read: the hold begins with the end of the read': [
    { at: 0, sources: [unread], kind: 'waiting', changed: true },
    { at: 5_000, sources: [doubtful], kind: 'doubtful', changed: true },
    { at: 5_999, sources: [doubtful], kind: 'doubtful', changed: false },
    { at: 6_000, sources: [doubtful], kind: 'ready', changed: true },
  ],
  'a doubtful first read that is corrected: is ready before the hold ends': [
    { at: 0, sources: [doubtful], kind: 'doubtful', changed: true },
    { at: 10, sources: [readWell], kind: 'ready', changed: true },
  ],
  'a source is restored: its read is not waited for': [
    { at: 0, sources: [status({ restored: true })], kind: 'ready', changed: true },
  ],
  'an optional source has failed: is not waited for': [
    { at: 0, sources: [readWell, status({ name: 'kubernetes' })], kind: 'waiting', changed: true },
    { at: 10, sources: [readWell, failing], kind: 'ready', changed: true },
  ],
};

suite('readiness from the start on', () => {
  for (const [name, steps] of Object.entries(cases))
    test(name, () => {
      const state = new ReadinessState({ optional: new Set(['kubernetes']), holdMs: 1_000 });
      assert.deepEqual(state.current, { kind: 'waiting', missing: [] });
      const seen = steps.map(({ at, sources }) => ({
        at,
        sources,
        changed: state.update(sources, at),
        kind: state.current.kind,
      }));
      assert.deepEqual(seen, steps);
    });
});
