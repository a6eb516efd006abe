/** The parts of a resource that its KRI names. A missing part is empty. */
export interface KriParts {
  readonly mesh: string;
  readonly zone: string;
  readonly namespace: string;
  /** The display name: the name that the author of the resource gave it. */
  readonly name: string;
}

/**
 * Returns the Kuma resource identifier of a MeshIdentity (Kuma, MADR 070):
 * `kri_mid_<mesh>_<zone>_<namespace>_<name>_`. Compare such identifiers as a whole: a mesh name may have an underscore,
 * so they cannot be split.
 */
export function meshIdentityKri({ mesh, zone, namespace, name }: KriParts): string {
  return `kri_mid_${mesh}_${zone}_${namespace}_${name}_`;
}
