import type { BundlePolicy } from '../../../trust/bundle/trust-bundle.ts';
import { describeFinding, describeFindings } from '../../../trust/findings/describe-findings.ts';
import { compareFindings, finding, formatFinding } from '../../../trust/findings/finding.ts';
import type { Finding } from '../../../trust/findings/finding.ts';
import { dateCodes } from '../../../trust/findings/catalogue.ts';
import type { FindingCode } from '../../../trust/findings/catalogue.ts';
import { currentShare } from '../../../trust/ledger/share.ts';
import type { Share } from '../../../trust/ledger/share.ts';
import { defaultLimits } from '../../../trust/model/limits.ts';
import type { MeshTrust } from '../../../trust/model/mesh-trust.ts';
import { checkLength, parseFile } from '../../../trust/model/parse-file.ts';
import type { ParseOptions } from '../../../trust/model/parse-file.ts';
import { blockFinding } from '../../../trust/model/read-blocks.ts';
import { asMapping } from '../../client/api-object.ts';
import type { ApiObject } from '../../client/api-object.ts';
import type { Change, Verdict } from './admission-review.ts';
import { fitWarnings } from './fit-warnings.ts';
import { sharesInForce, trustEffects } from './trust-effects.ts';
import type { DomainEffect, InForce, TrustEffects } from './trust-effects.ts';

/** What a change is judged by. */
export interface CheckContext {
  readonly parse: ParseOptions;
  readonly policy: BundlePolicy;
  /** Undefined until everything was read once: then an object is judged for itself. */
  readonly inForce: InForce | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** One object, read as the source reads it. */
type Reading =
  | { readonly kind: 'valid'; readonly resource: MeshTrust; readonly remarks: readonly Finding[] }
  | { readonly kind: 'invalid'; readonly findings: readonly Finding[] };

/** Characters: a message is for people. */
const longestMessage = 4096;
const mostCauses = 50;
const nothingElse: InForce = { holdings: new Map(), meshes: new Map() };
/** What only those know who know what else is listed for the trust domain. */
const aboutOthers: ReadonlySet<FindingCode> = new Set(['MT017', 'MT020', 'MT021', 'MT028']);

/**
 * Decides about a change: refuses what `meshtrust validate` refuses, in the same sentences, and warns of other
 * findings and of trust that goes with the change. What was there before and is as it was is nobody's fault.
 */
export function checkChange(change: Change, context: CheckContext): Verdict {
  switch (change.kind) {
    case 'create':
      return checkObject(change.object, undefined, context);
    case 'update':
      return substanceOf(change.object) === substanceOf(change.before)
        ? allowed([])
        : checkObject(change.object, change.before, context);
    case 'delete':
      return change.before === undefined
        ? allowed([])
        : allowed(lossWarnings(effectsOf(change.before.path, change.before, [], context).domains));
  }
}

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

/** What the change does beside all else, as far as that is known. */
function effectsOf(
  path: string,
  before: ApiObject | undefined,
  after: readonly Share[],
  { parse, policy, inForce, now }: CheckContext,
): TrustEffects {
  if (inForce === undefined) {
    const alone = trustEffects({ change: { path, before: [], after }, inForce: nothingElse, policy, now });
    return { domains: [], findings: alone.findings.filter(({ code }) => !aboutOthers.has(code)) };
  }
  const gave = before === undefined ? [] : sharesBefore(readObject(before, parse), path, inForce);
  return trustEffects({ change: { path, before: gave, after }, inForce, policy, now });
}

/** Where something of the old object is refused, an earlier version of it may still be in force. */
function sharesBefore(before: Reading, path: string, inForce: InForce): readonly Share[] {
  const given = before.kind === 'valid' ? [currentShare(before.resource)] : [];
  const isWhole = before.kind === 'valid' && before.resource.blocks.every(({ kind }) => kind === 'anchor');
  return isWhole ? given : [...given, ...sharesInForce(path, inForce)];
}

function readObject({ path, text }: ApiObject, options: ParseOptions): Reading {
  // Before it is read, which takes the longer the longer it is: a stranger can send what no API server would.
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

/** What of an object decides about trust, as one text: finalizers, labels and annotations of others do not. */
function substanceOf({ text }: ApiObject): string {
  const object = asMapping(JSON.parse(text));
  const labels = asMapping(asMapping(object?.['metadata'])?.['labels']);
  return JSON.stringify([object?.['spec'], labels?.['kuma.io/mesh']]);
}

/** As `meshtrust validate` decides, but for dates: a CA that is out of date may be listed, and gets a warning. */
function isViolation({ severity, code }: Finding): boolean {
  return severity === 'error' && !dateCodes.has(code);
}

function allowed(warnings: readonly string[]): Verdict {
  return { kind: 'allowed', warnings: fitWarnings(warnings) };
}

function refused({ head }: ApiObject, findings: readonly Finding[]): Verdict {
  const sorted = findings.toSorted(compareFindings);
  const causes = sorted.slice(0, mostCauses).map((f) => ({
    field: f.path,
    message: describeFinding({ ...f, path: undefined }),
  }));
  return { kind: 'refused', name: head.name, message: describeFindings(sorted, longestMessage), causes };
}

function lossWarnings(domains: readonly DomainEffect[]): readonly string[] {
  return domains.flatMap(({ mesh, trustDomain, lost, isEmpty }) => {
    if (lost.length === 0) return [];
    const where = `trust domain ${trustDomain} of mesh ${mesh}`;
    if (isEmpty) return [`${where} is left without any CA: each of its clients will be refused`];
    return lost.map(
      ({ fingerprint, subject }) =>
        `${where} loses CA ${fingerprint.slice(0, 16)} (${subject}): clients that no other CA of it vouches for will be refused`,
    );
  });
}

/** One finding as it is told on another object than its own. */
function describeOther(f: Finding): string {
  const trustDomain = f.trustDomain === undefined ? '' : `trust domain ${f.trustDomain}: `;
  return trustDomain + formatFinding({ ...f, file: undefined, line: undefined });
}
