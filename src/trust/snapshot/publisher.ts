import { LRUCache } from 'lru-cache';
import { denyAllSecret } from '../secret/mesh-secrets.ts';
import type { MeshSecrets, SecretOptions } from '../secret/mesh-secrets.ts';
import type { Secret } from '../secret/encode-secret.ts';
import { isTrustDomainSecretName, mergedSecretNames } from '../secret/secret-names.ts';
import type { ResourceSet, SnapshotStore } from '../../xds/index.ts';

/** What is served of a mesh. */
export interface ServedMesh {
  readonly secrets: Pick<MeshSecrets, 'version' | 'secrets'>;
}

/** What is served, by mesh. */
export type ServedMeshes = ReadonlyMap<string, ServedMesh>;

/** The type URL of Envoy's secrets. */
export const secretTypeUrl = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** Deny-all secrets of names that nothing is listed for, kept so that streams share their encoding. */
const keptDenials = 1000;

/**
 * Makes the function that puts meshes into the store of the xDS library. Every mesh name is a known mesh,
 * and every valid trust domain a known name: where nothing is listed the answer is deny-all, since Envoy
 * ignores a secret that is withdrawn and keeps the old one in force.
 */
export function createPublisher(
  store: SnapshotStore,
  options: SecretOptions = {},
): (states: ServedMeshes) => void {
  const denials = new LRUCache<string, Secret>({ max: keptDenials });
  const fallback = (name: string): Secret | undefined => {
    const known = denials.get(name);
    if (known !== undefined) return known;
    const secret = denyAllSecret(name, options);
    if (secret !== undefined) denials.set(name, secret);
    return secret;
  };
  const published = new Map<string, ServedMesh>();
  const unlisted: ResourceSet = resourceSet({ version: 'deny-all', secrets: new Map() }, fallback);
  let first = true;
  return (states) => {
    for (const [mesh, state] of states) {
      if (published.get(mesh) === state) continue;
      published.set(mesh, state);
      store.set(mesh, secretTypeUrl, resourceSet(state.secrets, fallback));
    }
    // Last, so that no mesh is answered with it at the start before its own set is there.
    if (first) store.setDefault(secretTypeUrl, () => unlisted);
    first = false;
  };
}

function resourceSet(
  { version, secrets }: Pick<MeshSecrets, 'version' | 'secrets'>,
  fallback: (name: string) => Secret | undefined,
): ResourceSet {
  const [merged] = mergedSecretNames;
  const domains = [...secrets.keys()].filter((name) => isTrustDomainSecretName(name));
  return { version, resources: secrets, wildcard: [merged, ...domains], fallback };
}
