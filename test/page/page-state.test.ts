import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { MeshSummary } from '../../src/api/api-types.ts';
import { hashOf, selectedMesh } from '../../src/page/page-state.ts';

const meshes = ['default', 'a/b ü'].map((name) => ({ name }) as MeshSummary);

it('URL fragment: names any mesh', () => {
  for (const { name } of meshes) assert.equal(selectedMesh(hashOf(name), meshes), name);
});

it('unknown mesh in the URL: the first one is shown', () => {
  for (const hash of ['', '#', '#/mesh/gone', '#/mesh/%', '#/mesh/'])
    assert.equal(selectedMesh(hash, meshes), 'default');
  assert.equal(selectedMesh('#/mesh/default', []), undefined);
});
