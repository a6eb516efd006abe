import type { BundlePolicy } from '../../../trust/bundle/trust-bundle.ts';
import {
  describeFinding,
  describeFindings,
  compareFindings,
  finding,
  formatFinding,
} from '../../../trust/findings/finding.ts';
import type { Finding } from '../../../trust/findings/finding.ts';
import { dateCodes } from '../../../trust/findings/catalogue.ts';
import type { FindingCode } from '../../../trust/findings/catalogue.ts';
import { currentShare } from '../../../trust/ledger/share.ts';
import type { Share } from '../../../trust/ledger/share.ts';
import { federationPath, relationshipKey } from '../../../trust/federation/relationship.ts';
import { defaultLimits } from '../../../trust/model/limits.ts';
import type { MeshTrust } from '../../../trust/model/mesh-trust.ts';
import { checkLength, parseFile } from '../../../trust/model/parse-file.ts';
import type { ParseOptions } from '../../../trust/model/parse-file.ts';
import { blockFinding } from '../../../trust/model/read-blocks.ts';
import { clusterFederatedTrustDomains, isFederatedPath } from '../../client/api-object.ts';
import type { ApiObject } from '../../client/api-object.ts';
import { federatedKind } from '../../../trust/model/parse-federated-trust-domain.ts';
import type { Change, Verdict } from './admission-review.ts';
import { fitWarnings } from './fit-warnings.ts';
import { sharesInForce, trustEffects } from './trust-effects.ts';
import type { DomainEffect, InForce, TrustEffects } from './trust-effects.ts';
import { asMapping } from '../../../text/json.ts';

/** The inputs of a check, besides the change. */
export interface CheckContext {
  readonly parse: ParseOptions;
  readonly policy: BundlePolicy;
  /** `undefined` until everything was read once. Until then, each object is checked without the others. */
  readonly inForce: InForce | undefined;
  /** How ClusterFederatedTrustDomains are read; `undefined` if they are not. */
  readonly federation?: FederationContext | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The ClusterFederatedTrustDomains that the server follows. */
interface FederationContext {
  /** Returns whether those of a class, or without one, are read. */
  readonly readsClass: (className: string | undefined) => boolean;
  /** Returns the path of the object that a relationship follows from, by the key of the relationship. */
  readonly pathOf: (key: string) => string | undefined;
}

/** An object, parsed as the source parses it. */
type Reading =
  | { readonly kind: 'valid'; readonly resource: MeshTrust; readonly remarks: readonly Finding[] }
  | { readonly kind: 'invalid'; readonly findings: readonly Finding[] };

/** Maximum length of the message in characters. People read it. */
const maxMessageLength = 4096;
const maxCauses = 50;
const nothingInForce: InForce = { holdings: new Map(), meshes: new Map() };
/** Findings that depend on the other certificates of the trust domain, which must all be known. */
const aboutOthers: ReadonlySet<FindingCode> = new Set(['MT017', 'MT020', 'MT021', 'MT028']);

/**
 * Decides about a change. Refuses it if `meshtrust validate` refuses the object, in the same sentences. Warns of other
 * findings, and of trust that the change withdraws. An update that changes neither the spec nor the mesh is allowed
 * without warnings, even if the object has violations.
 */
export function checkChange(change: Change, context: CheckContext): Verdict {
  const federated = change.kind === 'delete' ? change.before : change.object;
  if (federated !== undefined && isFederatedPath(federated.path)) return checkFederated(change, context);
  switch (change.kind) {
    case 'create':
      return checkObject(change.object, undefined, context);
    case 'update':
      return trustTextOf(change.object) === trustTextOf(change.before)
        ? allowed([])
        : checkObject(change.object, change.before, context);
    case 'delete':
      return change.before === undefined
        ? allowed([])
        : allowed(lossWarnings(effectsOf(change.before.path, change.before, [], context).domains));
  }
}

/**
 * Decides about a change of a ClusterFederatedTrustDomain as `meshtrust validate` does, and warns of trust domains that
 * it withdraws. What it adds is not known: it depends on a bundle that is fetched later.
 */
function checkFederated(change: Change, context: CheckContext): Verdict {
  const { parse } = context;
  if (change.kind === 'delete')
    return allowed(change.before === undefined ? [] : endedWarnings(change.before, undefined, context));
  const { object } = change;
  const { path, text } = object;
  if (change.kind === 'update' && change.before.text === text) return allowed([]);
  const tooLong = checkLength(text.length, parse.limits ?? defaultLimits, { file: path });
  if (tooLong.length > 0) return refused(object, tooLong, federatedResource);
  const parsed = parseFile(path, text, { ...parse, federation: true });
  const findings = parsed.kind === 'refused' ? parsed.findings : parsed.remarks;
  const violations = findings.filter(isViolation);
  if (violations.length > 0) return refused(object, violations, federatedResource);
  const ended = change.kind === 'update' ? endedWarnings(change.before, object, context) : [];
  return allowed([...ended, ...findings.map(describeFinding)]);
}

/** Returns warnings about the CA certificates of the relationships that a change of their object ends. */
function endedWarnings(
  before: ApiObject,
  after: ApiObject | undefined,
  context: CheckContext,
): readonly string[] {
  const { inForce, policy, now, federation } = context;
  if (inForce === undefined || federation === undefined) return [];
  const left = after === undefined ? new Set<string>() : relationshipsOf(after, context);
  return [...relationshipsOf(before, context)].flatMap((key) => {
    // Of two objects about one trust domain, the server follows the first by path.
    if (left.has(key) || federation.pathOf(key) !== before.path) return [];
    const path = federationPath(key);
    const change = { path, before: sharesInForce(path, inForce), after: [] };
    return lossWarnings(trustEffects({ change, inForce, policy, now }).domains);
  });
}

/** Returns the keys of the relationships that follow from a ClusterFederatedTrustDomain. */
function relationshipsOf(
  { path, text }: ApiObject,
  { parse, federation }: CheckContext,
): ReadonlySet<string> {
  if (checkLength(text.length, parse.limits ?? defaultLimits, { file: path }).length > 0) return new Set();
  const parsed = parseFile(path, text, { ...parse, federation: true });
  const keys = new Set<string>();
  for (const item of parsed.kind === 'refused' ? [] : parsed.federated) {
    if (item.kind === 'invalid' || federation?.readsClass(item.resource.className) !== true) continue;
    for (const mesh of item.resource.meshes) keys.add(relationshipKey(mesh, item.resource.trustDomain));
  }
  return keys;
}

const federatedResource = { group: clusterFederatedTrustDomains.group, kind: federatedKind };

function checkObject(object: ApiObject, before: ApiObject | undefined, context: CheckContext): Verdict {
  const reading = readObject(object, context.parse);
  if (reading.kind === 'invalid') return refused(object, reading.findings);
  const { resource } = reading;
  const own = [...resource.blocks.flatMap(blockFinding), ...reading.remarks];
  const effects = effectsOf(object.path, before, [currentShare(resource)], context);
  const fingerprints = new Set(
    resource.blocks.flatMap((block) => (block.kind === 'anchor' ? block.certificate.fingerprint : [])),
  );
  const isOwn = (f: Finding): boolean => fingerprints.has(f.fingerprint ?? '');
  const violations = [
    ...own.filter(isViolation),
    ...effects.findings.filter((f) => isViolation(f) && (isOwn(f) || f.code === 'MT031')),
  ];
  if (violations.length > 0) return refused(object, violations);
  const remarks = effects.findings
    .filter(({ severity }) => severity !== 'info')
    .toSorted(compareFindings)
    .map((f) => (isOwn(f) && f.trustDomain === resource.trustDomain ? describeFinding(f) : describeOther(f)));
  const ownRemarks = own.filter(({ severity }) => severity !== 'info').map(describeFinding);
  return allowed([...lossWarnings(effects.domains), ...ownRemarks, ...remarks]);
}

/** Returns the effects of the change on everything that is in force, as far as that is known. */
function effectsOf(
  path: string,
  before: ApiObject | undefined,
  after: readonly Share[],
  { parse, policy, inForce, now }: CheckContext,
): TrustEffects {
  if (inForce === undefined) {
    const effects = trustEffects({
      change: { path, before: [], after },
      inForce: nothingInForce,
      policy,
      now,
    });
    return { domains: [], findings: withoutOthers(effects.findings) };
  }
  const previous = before === undefined ? [] : sharesBefore(readObject(before, parse), path, inForce);
  const effects = trustEffects({ change: { path, before: previous, after }, inForce, policy, now });
  return inForce.isPartial === true ? { ...effects, findings: withoutOthers(effects.findings) } : effects;
}

/** Returns the findings that hold whatever other certificates there are. */
function withoutOthers(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ code }) => !aboutOthers.has(code));
}

/** Returns the shares of the old object. If a part of it is refused, an earlier version may still be in force. */
function sharesBefore(before: Reading, path: string, inForce: InForce): readonly Share[] {
  const current = before.kind === 'valid' ? [currentShare(before.resource)] : [];
  const isWhole = before.kind === 'valid' && before.resource.blocks.every(({ kind }) => kind === 'anchor');
  return isWhole ? current : [...current, ...sharesInForce(path, inForce)];
}

function readObject({ path, text }: ApiObject, options: ParseOptions): Reading {
  // Checked before parsing, whose time grows with the length: any client can send longer texts than an API server.
  const tooLong = checkLength(text.length, options.limits ?? defaultLimits, { file: path });
  if (tooLong.length > 0) return { kind: 'invalid', findings: tooLong };
  const parsed = parseFile(path, text, options);
  if (parsed.kind === 'refused') return { kind: 'invalid', findings: parsed.findings };
  const [document] = parsed.documents;
  if (document?.kind === 'mesh-trust')
    return { kind: 'valid', resource: document.resource, remarks: document.remarks };
  const findings = document?.findings ?? [finding('MT003', 'the object is not a MeshTrust', { file: path })];
  return { kind: 'invalid', findings };
}

/** Returns the fields that decide about trust as a text. Finalizers, annotations and other labels do not. */
function trustTextOf({ text }: ApiObject): string {
  const object = asMapping(JSON.parse(text));
  const labels = asMapping(asMapping(object?.['metadata'])?.['labels']);
  return JSON.stringify([object?.['spec'], labels?.['kuma.io/mesh']]);
}

/** Decides like `meshtrust validate`, except for dates: a CA outside of its validity causes a warning only. */
function isViolation({ severity, code }: Finding): boolean {
  return severity === 'error' && !dateCodes.has(code);
}

function allowed(warnings: readonly string[]): Verdict {
  return { kind: 'allowed', warnings: fitWarnings(warnings) };
}

function refused(
  { head }: ApiObject,
  findings: readonly Finding[],
  kindOfObject?: { readonly group: string; readonly kind: string },
): Verdict {
  const sorted = findings.toSorted(compareFindings);
  const causes = sorted.slice(0, maxCauses).map((f) => ({
    field: f.path,
    message: describeFinding({ ...f, path: undefined }),
  }));
  const message = describeFindings(sorted, maxMessageLength);
  return { kind: 'refused', name: head.name, kindOfObject, message, causes };
}

function lossWarnings(domains: readonly DomainEffect[]): readonly string[] {
  return domains.flatMap(({ mesh, trustDomain, lost, isEmpty }) => {
    if (lost.length === 0) return [];
    const where = `trust domain ${trustDomain} of mesh ${mesh}`;
    if (isEmpty) return [`${where} is left without any CA: proxies will reject all of its clients`];
    return lost.map(
      ({ fingerprint, subject }) =>
        `${where} loses CA ${fingerprint.slice(0, 16)} (${subject}): proxies will reject the clients that only this CA certifies`,
    );
  });
}

/** Describes a finding that is reported for another object than its own. */
function describeOther(f: Finding): string {
  const trustDomain = f.trustDomain === undefined ? '' : `trust domain ${f.trustDomain}: `;
  return trustDomain + formatFinding({ ...f, file: undefined, line: undefined });
}
