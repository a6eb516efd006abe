/**
 * Every kind of finding, by its stable code. A code is never reused or renumbered: scripts, alerts and
 * `docs/findings.md` (one anchor each) refer to it.
 */
export const catalogue = {
  MT001: { name: 'unreadable', severity: 'error' },
  MT002: { name: 'syntax', severity: 'error' },
  MT003: { name: 'invalid-resource', severity: 'error' },
  MT004: { name: 'identity-conflict', severity: 'error' },
  MT005: { name: 'no-usable-certificate', severity: 'error' },
  MT006: { name: 'empty-file', severity: 'error' },
  MT007: { name: 'over-limit', severity: 'error' },
  MT008: { name: 'trust-domain-name', severity: 'error' },
  MT009: { name: 'unrecognised-document', severity: 'error' },
  MT010: { name: 'not-a-certificate', severity: 'error' },
  MT011: { name: 'private-key', severity: 'error' },
  MT012: { name: 'crl', severity: 'error' },
  MT013: { name: 'malformed-pem', severity: 'error' },
  MT014: { name: 'malformed-der', severity: 'error' },
  MT015: { name: 'not-a-ca', severity: 'error' },
  MT016: { name: 'subject-too-long', severity: 'error' },
  MT017: { name: 'intermediate-refused', severity: 'error' },
  MT018: { name: 'distrusted', severity: 'warning' },
  MT020: { name: 're-rooted', severity: 'warning' },
  MT021: { name: 'promoted', severity: 'warning' },
  MT022: { name: 'expired', severity: 'warning' },
  MT023: { name: 'expires-soon', severity: 'warning' },
  MT024: { name: 'not-yet-valid', severity: 'warning' },
  MT025: { name: 'duplicate', severity: 'info' },
  MT026: { name: 'shared-ca', severity: 'warning' },
  MT027: { name: 'twin-not-served', severity: 'info' },
  MT028: { name: 'issuer-unusable', severity: 'warning' },
  MT029: { name: 'constraints-admit-nobody', severity: 'warning' },
  MT030: { name: 'large-secret', severity: 'warning' },
  MT031: { name: 'ca-names-over-limit', severity: 'error' },
  MT032: { name: 'trust-domain-left-out', severity: 'error' },
  MT034: { name: 'mesh-trusts-nobody', severity: 'error' },
  MT040: { name: 'last-good-kept', severity: 'error' },
  MT041: { name: 'anchors-retained', severity: 'error' },
  MT042: { name: 'mass-loss-held', severity: 'error' },
  MT050: { name: 'unknown-label', severity: 'warning' },
  MT051: { name: 'unknown-field', severity: 'error' },
  MT052: { name: 'commented-out', severity: 'warning' },
  MT060: { name: 'distrust-list', severity: 'error' },
  MT061: { name: 'distrust-idle', severity: 'info' },
  MT062: { name: 'followed-file', severity: 'error' },
  MT070: { name: 'identity-gives-no-trust', severity: 'info' },
  MT071: { name: 'identity-ca-unavailable', severity: 'error' },
  MT072: { name: 'identity-template', severity: 'error' },
  MT073: { name: 'zone-unknown', severity: 'error' },
  MT074: { name: 'self-signed-not-allowed', severity: 'error' },
  MT075: { name: 'private-key-in-identity', severity: 'error' },
  MT076: { name: 'superseded-ca-kept', severity: 'warning' },
  MT077: { name: 'trust-domain-drift', severity: 'warning' },
  MT078: { name: 'not-published', severity: 'warning' },
  MT080: { name: 'empty-bundle-published', severity: 'error' },
  MT081: { name: 'endpoint-not-verifiable', severity: 'error' },
  MT082: { name: 'federation-off', severity: 'info' },
  MT083: { name: 'bundle-not-fetched', severity: 'error' },
  MT084: { name: 'bundle-key-refused', severity: 'warning' },
  MT085: { name: 'sequence-went-back', severity: 'warning' },
  MT086: { name: 'bundle-empty', severity: 'error' },
  MT087: { name: 'own-trust-domain', severity: 'error' },
  MT088: { name: 'federated-and-listed', severity: 'warning' },
  MT089: { name: 'refresh-too-slow', severity: 'info' },
  MT090: { name: 'foreign-trust-domain', severity: 'error' },
  MT091: { name: 'import-stale', severity: 'warning' },
  MT100: { name: 'rotation-annotation', severity: 'warning' },
} as const satisfies Record<string, { readonly name: string; readonly severity: Severity }>;

/** The severity of a finding, the most severe first. */
export type Severity = 'error' | 'warning' | 'info';
/** A code of the catalogue, such as `MT013`. */
export type FindingCode = keyof typeof catalogue;

/** Codes for a file or resource that is rejected as a whole. A server keeps its last good version, if it has one. */
export const wholeRefusalCodes: ReadonlySet<FindingCode> = new Set([
  'MT001',
  'MT002',
  'MT003',
  'MT004',
  'MT005',
  'MT006',
  'MT007',
  'MT008',
  'MT009',
] as const);

/** Codes for a MeshIdentity whose CA certificates cannot be determined. A server keeps those that it gave before. */
export const keptIdentityCodes: ReadonlySet<FindingCode> = new Set([
  'MT071',
  'MT072',
  'MT073',
  'MT074',
] as const);

/** Codes about the dates of a CA. Such a CA was accepted and is served, whatever the severity of the finding. */
export const dateCodes: ReadonlySet<FindingCode> = new Set(['MT022', 'MT023', 'MT024'] as const);

/** Codes for a single PEM block that is rejected while the other blocks are served. */
export type BlockRefusalCode = 'MT010' | 'MT011' | 'MT012' | 'MT013' | 'MT014' | 'MT015' | 'MT016' | 'MT052';

/** Codes for a damaged block, which may have been a good certificate. A server keeps what the resource gave before. */
export const damagedBlockCodes: ReadonlySet<FindingCode> = new Set(['MT013', 'MT014'] as const);
