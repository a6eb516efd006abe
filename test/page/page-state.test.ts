import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { MeshSummary } from '../../src/api/api-types.ts';
import { hashOf, selectedMesh } from '../../src/page/page-state.ts';

const meshes = ['default', 'a/b ü'].map((name) => ({ name }) as MeshSummary);

it('the address of the page names the mesh that is looked at, whatever its name', () => {
  for (const { name } of meshes) assert.equal(selectedMesh(hashOf(name), meshes), name);
});

it('without a mesh that there is, it is the first', () => {
  for (const hash of ['', '#', '#/mesh/gone', '#/mesh/%', '#/mesh/'])
    assert.equal(selectedMesh(hash, meshes), 'default');
  assert.equal(selectedMesh('#/mesh/default', []), undefined);
});
