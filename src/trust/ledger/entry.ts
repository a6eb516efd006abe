import { compareFindings, finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import { blockFinding } from '../model/read-blocks.ts';
import type { OtherDocument, ParsedFile } from '../model/parse-file.ts';
import { isUnnamed } from '../model/document-kind.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import { countKinds, describeKinds } from './describe-kinds.ts';
import { currentShare, isSameShare, retainedShare } from './share.ts';
import type { Share } from './share.ts';

/** What is in force of one resource of a file: its newest usable version, and what it may not lose yet. */
export interface Grant {
  readonly resource: MeshTrust;
  /** Whether any version of it was; until then it only adds to other definitions of the resource. */
  readonly settled: boolean;
  /** The share of the last settled version in which no block was damaged. */
  readonly clean: Share | undefined;
  /** The share of `resource` first, then what is retained of earlier versions. */
  readonly shares: readonly Share[];
}

/** What one file (or one Kubernetes object) contributes, and what is wrong with its newest version. */
export interface Entry {
  readonly grants: readonly Grant[];
  readonly findings: readonly Finding[];
  /** The newest version held something invalid: at the first read this delays readiness. */
  readonly invalid: boolean;
  /** Documents of other kinds in the last version that was understood as a whole. */
  readonly others: readonly OtherDocument[];
}

export const emptyEntry: Entry = { grants: [], findings: [], invalid: false, others: [] };

/**
 * The next state of a file after one of its versions was read.
 *
 * A version takes something away only when it is `settled`, that is, known to be complete: YAML is
 * prefix-tolerant, and a file that is being written parses with its last documents or certificates missing.
 * A version that is damaged takes nothing away that the damage could have hidden. Nor does one that stops being
 * recognised: a file whose MeshTrusts are replaced by something else was more likely overwritten than emptied.
 */
export function readVersion(previous: Entry, parsed: ParsedFile, settled: boolean): Entry {
  if (parsed.kind === 'refused') return keepAll(previous, parsed.findings);
  const before = new Map(previous.grants.map((grant) => [grant.resource.identity, grant]));
  const findings: Finding[] = [];
  const grants = new Map<Identity, Grant>();
  for (const document of parsed.documents) {
    const grant = readDocument(document, before, settled, findings);
    if (grant === undefined) continue;
    const { identity, place } = grant.resource;
    if (grants.has(identity)) {
      findings.push(
        finding('MT004', 'the resource is defined earlier in the same file; that definition is used', place),
      );
    } else grants.set(identity, grant);
  }
  const missing = [...before].filter(([identity]) => !grants.has(identity));
  const replaced = missing.length === 0 ? undefined : replacement(previous, parsed);
  if (replaced !== undefined)
    findings.push(finding('MT009', replaced, { file: missing[0]?.[1].resource.place.file }));
  // A document that cannot be named may be one of those that are missing.
  const isHidden = replaced !== undefined || parsed.documents.some((document) => mayBeAny(document, before));
  for (const [identity, grant] of missing) {
    if (isHidden) findings.push(lastGoodKept(grant));
    // A version that is not settled may not have it yet.
    if (isHidden || !settled) grants.set(identity, grant);
  }
  const invalid = replaced !== undefined || parsed.documents.some(({ kind }) => kind !== 'mesh-trust');
  return {
    grants: [...grants.values()],
    findings: findings.sort(compareFindings),
    invalid,
    others: invalid || !settled ? previous.others : parsed.others,
  };
}

/** Whether a document may be any of the resources that the file gave before. */
function mayBeAny(document: ParsedDocument, before: ReadonlyMap<Identity, Grant>): boolean {
  switch (document.kind) {
    case 'mesh-trust':
      return false;
    case 'invalid':
      return document.identity === undefined;
    case 'unrecognised':
      // A name that was not there before may be misread as well.
      return document.identity === undefined || !before.has(document.identity);
  }
}

/**
 * Says what stands in place of the MeshTrusts that are missing, unless they were plainly taken out: then another
 * MeshTrust of the file, or a document that was beside them before, is still there.
 */
function replacement(
  { others: before }: Entry,
  { documents, others }: Extract<ParsedFile, { readonly kind: 'documents' }>,
): string | undefined {
  const added = withoutKnown(others, before);
  const isPlain = documents.length > 0 || added.length < others.length;
  const unnamed = added.filter(({ label }) => isUnnamed(label));
  if (isPlain && unnamed.length === 0) return undefined;
  const what = describeKinds(countKinds(isPlain ? unnamed : others));
  return `the file has no MeshTrust in place of one that it had, but ${what}; to withdraw its trust, delete the file`;
}

/** Returns the documents that were not there before. Documents without a name have the same id, and are counted. */
function withoutKnown(
  others: readonly OtherDocument[],
  before: readonly OtherDocument[],
): readonly OtherDocument[] {
  const known = new Map<string, number>();
  for (const { id } of before) known.set(id, (known.get(id) ?? 0) + 1);
  return others.filter(({ id }) => {
    const left = known.get(id) ?? 0;
    known.set(id, left - 1);
    return left <= 0;
  });
}

/** The next state of a file that cannot be read or relied on: everything it gave stays. */
export function keepAll(previous: Entry, findings: readonly Finding[]): Entry {
  return {
    grants: previous.grants,
    findings: [...findings, ...previous.grants.map(lastGoodKept)],
    invalid: true,
    others: previous.others,
  };
}

function readDocument(
  document: ParsedDocument,
  before: ReadonlyMap<Identity, Grant>,
  settled: boolean,
  findings: Finding[],
): Grant | undefined {
  if (document.kind !== 'mesh-trust') {
    findings.push(...document.findings);
    const kept = document.identity === undefined ? undefined : before.get(document.identity);
    if (kept !== undefined) findings.push(lastGoodKept(kept));
    return kept;
  }
  const { resource, remarks } = document;
  findings.push(...resource.blocks.flatMap(blockFinding), ...remarks);
  const grant = nextGrant(before.get(resource.identity), resource, settled);
  const retained = grant.shares.slice(1).reduce((sum, share) => sum + share.anchors.length, 0);
  if (retained > 0 && settled) findings.push(anchorsRetained(resource, retained));
  return grant;
}

function nextGrant(previous: Grant | undefined, resource: MeshTrust, settled: boolean): Grant {
  const damaged = resource.blocks.some((block) => block.kind === 'refused' && block.malformed);
  const current = unlessSame(previous?.shares[0], currentShare(resource));
  const clean = settled && !damaged ? current : previous?.clean;
  const earlier: Share[] = [];
  if (damaged && clean !== undefined) earlier.push(clean);
  if (!settled && previous !== undefined) earlier.push(...previous.shares);
  const shares = [current];
  for (const share of earlier) shares.push(...retainedShare(share, shares));
  return { resource, settled: settled || previous?.settled === true, clean, shares };
}

/** An unchanged resource keeps its share, so that nothing is built of it again. */
function unlessSame(before: Share | undefined, share: Share): Share {
  return before !== undefined && isSameShare(before, share) ? before : share;
}

function lastGoodKept(grant: Grant): Finding {
  return finding(
    'MT040',
    'the newest version of this resource is not understood; its last good version stays in force',
    grant.resource.place,
  );
}

function anchorsRetained(resource: MeshTrust, count: number): Finding {
  const what = count === 1 ? 'one anchor' : `${count} anchors`;
  return finding(
    'MT041',
    `a block of this resource is damaged; ${what} of its last undamaged version stay in force`,
    resource.place,
  );
}
