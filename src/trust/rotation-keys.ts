/** The beginning of the annotations by which a MeshTrust says that one of its CA certificates replaces another. */
const prefix = 'meshtrust.io/rotation-';

/** The annotations of a rotation. */
export const rotationKeys = {
  /** SHA-256 of the certificate that is replaced, and of the one that replaces it. */
  old: `${prefix}old`,
  new: `${prefix}new`,
  /** When `start` listed the new CA (RFC 3339). */
  startedAt: `${prefix}started-at`,
  /** When the issuer began to sign with the new CA (RFC 3339). */
  switchedAt: `${prefix}switched-at`,
  /** The longest lifetime of a leaf, such as `24h`. */
  leafTtl: `${prefix}leaf-ttl`,
  /** When the issuer began to sign with the old CA again, after a switch (RFC 3339). */
  backAt: `${prefix}back-at`,
  /** The commands that passed gates by force. It stays after the end, until the next rotation starts. */
  forced: `${prefix}forced`,
} as const;

/** The name of an annotation of a rotation. */
export type RotationKey = (typeof rotationKeys)[keyof typeof rotationKeys];

/** All names of annotations of a rotation, in the order in which they are written. */
export const rotationKeyNames: readonly RotationKey[] = [
  rotationKeys.old,
  rotationKeys.new,
  rotationKeys.leafTtl,
  rotationKeys.startedAt,
  rotationKeys.switchedAt,
  rotationKeys.backAt,
  rotationKeys.forced,
];

/**
 * Returns the annotations of a rotation without all others; `undefined` if the resource has no annotation of a
 * rotation.
 */
export function onlyRotationKeys(
  annotations: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> | undefined {
  const found = rotationKeyNames.filter((key) => annotations?.[key] !== undefined);
  return found.length === 0 ? undefined : Object.fromEntries(found.map((key) => [key, annotations?.[key]]));
}
