import { encodeSecret, secretContent } from '../../trust/secret/encode-secret.ts';
import type { Part, Secret } from '../../trust/secret/encode-secret.ts';
import type { ServedMesh, ServedMeshes } from '../../trust/snapshot/publisher.ts';
import type { MeshDelta } from './messages.ts';
import { compareText } from '../../text/compare-text.ts';

/**
 * Returns the deltas that a worker with the state `before` needs to serve `after`. A changed trust domain is sent
 * once, also if several secrets contain it; secrets are sent as the hashes of their parts.
 */
export function shareStates(before: ServedMeshes, after: ServedMeshes): readonly MeshDelta[] {
  return [...after].flatMap(([mesh, state]) => {
    const previous = before.get(mesh);
    return previous?.secrets === state.secrets ? [] : [deltaOf(mesh, previous, state)];
  });
}

function deltaOf(mesh: string, before: ServedMesh | undefined, after: ServedMesh): MeshDelta {
  const { version, secrets } = after.secrets;
  const known = new Set(partsOf(before?.secrets.secrets.values() ?? []));
  const changed = [...secrets.values()].filter(
    (secret) => before?.secrets.secrets.get(secret.name)?.version !== secret.version,
  );
  const fresh = new Set(partsOf(changed)).difference(known);
  return {
    mesh,
    version,
    parts: [...fresh].map(({ hash, bytes }) => ({ hash, bytes })),
    secrets: changed.map(({ name, parts }) => ({ name, parts: parts.map(keyOf) })),
    removed: [...(before?.secrets.secrets.keys() ?? [])].filter((name) => !secrets.has(name)),
  };
}

function partsOf(secrets: Iterable<Secret>): Part[] {
  return [...secrets].flatMap(({ parts }) => [...parts]);
}

function keyOf({ hash }: Pick<Part, 'hash'>): string {
  return Buffer.from(hash).toString('hex');
}

/**
 * Applies deltas to the state of a worker. Unchanged meshes and secrets keep their objects, so that streams still
 * share their encoded frames.
 * @throws {Error} if a part was never sent: the states of parent and worker differ, so the worker has to be replaced.
 */
export function applyStates(meshes: ServedMeshes, deltas: readonly MeshDelta[]): ServedMeshes {
  const next = new Map(meshes);
  for (const delta of deltas) next.set(delta.mesh, applyDelta(meshes.get(delta.mesh), delta));
  return next;
}

function applyDelta(before: ServedMesh | undefined, delta: MeshDelta): ServedMesh {
  const secrets = new Map(before?.secrets.secrets);
  const known = new Map(partsOf(secrets.values()).map((part) => [keyOf(part), part]));
  for (const part of delta.parts) known.set(keyOf(part), part);
  for (const name of delta.removed) secrets.delete(name);
  for (const { name, parts } of delta.secrets) {
    const found = parts.map((key) => {
      const part = known.get(key);
      if (part === undefined) throw new Error(`part ${key} of ${name} was never sent`);
      return part;
    });
    secrets.set(name, encodeSecret(name, secretContent(found)));
  }
  // In the order of the parent, which sorts the secrets by name.
  const sorted = new Map([...secrets].toSorted(([a], [b]) => compareText(a, b)));
  return { secrets: { version: delta.version, secrets: sorted } };
}
