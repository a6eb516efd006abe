import { LRUCache } from 'lru-cache';
import { denyAllSecret } from '../secret/mesh-secrets.ts';
import type { MeshSecrets, SecretOptions } from '../secret/mesh-secrets.ts';
import type { Secret } from '../secret/encode-secret.ts';
import { isTrustDomainSecretName, mergedSecretNames } from '../secret/secret-names.ts';
import type { ResourceSet, SnapshotStore } from '../../xds/index.ts';

/** The served secrets of a mesh. */
export interface ServedMesh {
  readonly secrets: Pick<MeshSecrets, 'version' | 'secrets'>;
}

/** The served secrets, by mesh. */
export type ServedMeshes = ReadonlyMap<string, ServedMesh>;

/** The type URL of Envoy secrets. */
export const secretTypeUrl = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** Maximum number of cached deny-all secrets. They are cached so that streams share their encoding. */
const maxCachedDenials = 1000;

/**
 * Creates the function that writes meshes to the store of the xDS library. Proxies of an unknown mesh are served too,
 * and every valid trust domain has a secret. If no CA is listed for it, that is the deny-all secret: Envoy ignores the
 * removal of a secret and keeps the old one in force.
 */
export function createPublisher(
  store: SnapshotStore,
  options: SecretOptions = {},
): (states: ServedMeshes) => void {
  const denials = new LRUCache<string, Secret>({ max: maxCachedDenials });
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
    // The default is set last. Otherwise, at the start, a mesh could be served deny-all before its own secrets.
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
