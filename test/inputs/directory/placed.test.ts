import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unseen, isPlaced } from '../../../src/inputs/directory/file-state.ts';
import type { FileState, Version } from '../../../src/inputs/directory/file-state.ts';

const before: Version = { dev: 1n, ino: 1n, size: 3n, mtimeNs: 10n, ctimeNs: 10n };
const read: FileState = { kind: 'read', version: before, since: 0, hash: 'h', settled: true };
const doubtful: FileState = { kind: 'doubtful', absent: true, since: 0, before: read };
/** The version of another file that was last changed by a write. */
const written: Version = { ...before, ino: 2n, mtimeNs: 20n, ctimeNs: 20n };
/** The version of another file that was last changed by a rename or a link. */
const moved: Version = { ...written, ctimeNs: 21n };

const cases = {
  'rename over the old file': { state: read, renames: 1, changes: 0, version: written, placed: true },
  'rename to a new name': { state: unseen, renames: 1, changes: 0, version: moved, placed: true },
  'deletion and rename': { state: read, renames: 2, changes: 0, version: moved, placed: true },
  'recorded deletion, then a rename': {
    state: doubtful,
    renames: 1,
    changes: 0,
    version: moved,
    placed: true,
  },
  'creation, read during its first write': {
    state: unseen,
    renames: 1,
    changes: 0,
    version: written,
    placed: false,
  },
  'deletion and creation, read during its first write': {
    state: read,
    renames: 2,
    changes: 0,
    version: written,
    placed: false,
  },
  'recorded deletion, then a creation read during its first write': {
    state: doubtful,
    renames: 1,
    changes: 0,
    version: written,
    placed: false,
  },
  'rename and write': { state: read, renames: 1, changes: 1, version: moved, placed: false },
  'write in place': { state: read, renames: 0, changes: 1, version: written, placed: false },
  'another file without a notice': { state: read, renames: 0, changes: 0, version: moved, placed: false },
  'same file with one rename notice': {
    state: read,
    renames: 1,
    changes: 0,
    version: before,
    placed: false,
  },
  'empty file, which is more likely incomplete than intended': {
    state: read,
    renames: 1,
    changes: 0,
    version: { ...moved, size: 0n },
    placed: false,
  },
} as const;

for (const [name, { state, renames, changes, version, placed }] of Object.entries(cases)) {
  test(`${placed ? 'placed' : 'not placed'}: ${name}`, () => {
    assert.equal(isPlaced(state, { renames, changes }, version), placed);
  });
}
