import { invalidName } from '../model/resource-name.ts';
import { parseTrustDomain } from '../model/trust-domain.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';

/**
 * Names what the bundle endpoint publishes of a mesh: one trust domain, or all that MeshTrusts and MeshIdentities of
 * this server list. CA certificates that were imported from other zones are only published of a trust domain that is
 * named in full, and those of federation never.
 */
export interface PublicationRule {
  readonly mesh: string;
  readonly trustDomain: TrustDomain | '*';
}

/** Parses `MESH/TRUST-DOMAIN` or `MESH/*`. Returns the rule, or a sentence that says what is wrong. */
export function parsePublicationRule(text: string): PublicationRule | string {
  // Neither a mesh nor a trust domain has a slash.
  const slash = text.lastIndexOf('/');
  const [mesh, name] = [text.slice(0, slash), text.slice(slash + 1)];
  if (slash < 1) return `${text} does not have the form MESH/TRUST-DOMAIN or MESH/*.`;
  const reason = invalidName(mesh);
  if (reason !== undefined) return `The mesh of ${text} ${reason}.`;
  if (name === '*') return { mesh, trustDomain: '*' };
  const parsed = parseTrustDomain(name);
  return parsed.kind === 'invalid'
    ? `The trust domain of ${text} ${parsed.reason}.`
    : { mesh, trustDomain: parsed.name };
}

/**
 * Returns whether a trust domain of a mesh is published. A rule for all trust domains publishes those that a source of
 * this server lists.
 */
export function isPublished(
  rules: readonly PublicationRule[],
  mesh: string,
  trustDomain: TrustDomain,
  isListed: () => boolean,
): boolean {
  return rules.some(
    (rule) =>
      rule.mesh === mesh && (rule.trustDomain === trustDomain || (rule.trustDomain === '*' && isListed())),
  );
}

/** Returns whether a rule names a trust domain of a mesh. */
export function isNamed(rules: readonly PublicationRule[], mesh: string, trustDomain: string): boolean {
  return rules.some(
    (rule) => rule.mesh === mesh && (rule.trustDomain === '*' || rule.trustDomain === trustDomain),
  );
}

/** Returns whether a rule names a trust domain of a mesh in full, not by `*`. */
export function isNamedInFull(rules: readonly PublicationRule[], mesh: string, trustDomain: string): boolean {
  return rules.some((rule) => rule.mesh === mesh && rule.trustDomain === trustDomain);
}
