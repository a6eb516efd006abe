import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterFailure, afterSuccess, firstPollState } from '../../../src/trust/federation/poll-state.ts';
import { pollStatus } from '../../../src/trust/federation/poll-view.ts';
import type { PollState } from '../../../src/trust/federation/poll-state.ts';
import { stateOf } from '../../../src/trust/federation/relationship-status.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeRelationship, readDocument } from '../../kit/federation.ts';

const bundle = readDocument(bundleDocument([makeCa()]));
const empty = readDocument(bundleDocument([]));
const minute = 60_000;
const refused = { reason: 'connect', message: 'connection refused' } as const;
const relationship = makeRelationship();
const first = firstPollState(relationship, undefined);
const after = (state: PollState, document: typeof bundle, now: number): PollState =>
  afterSuccess(state, { document, etag: undefined }, now).state;
const fetched = after(first, bundle, 0);
const emptyOnce = after(fetched, empty, minute);
const stored = {
  mesh: relationship.mesh,
  trustDomain: relationship.trustDomain,
  url: relationship.url,
  etag: undefined,
  fetchedAt: 0,
  bootstrapDigest: undefined,
  document: bundle,
};

const cases: Readonly<Record<string, readonly [PollState, string]>> = {
  'before the first fetch': [first, 'never'],
  'before the first fetch, with trustDomainBundle': [
    firstPollState({ ...relationship, bootstrap: bundle }, undefined),
    'bootstrap',
  ],
  'after a fetch': [fetched, 'fetched'],
  'after a failure': [afterFailure(fetched, refused, minute, 0), 'failing'],
  'empty bundle': [emptyOnce, 'held'],
  'empty bundle, confirmed': [after(emptyOnce, empty, 2 * minute), 'withdrawn'],
  'after a restart': [firstPollState(relationship, stored), 'restored'],
  'after a restart, too old before it': [
    firstPollState(relationship, { ...stored, isTooOld: true }),
    'withdrawn',
  ],
};

for (const [name, [state, word]] of Object.entries(cases))
  test(`state of a relationship, ${name}: ${word}`, () => {
    const limits = { minIntervalMs: minute, maxIntervalMs: minute };
    assert.equal(stateOf(pollStatus(state, limits, undefined)), word);
  });
