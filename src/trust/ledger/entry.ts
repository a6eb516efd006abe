import { compareFindings, finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import { blockFinding } from '../model/read-blocks.ts';
import type { OtherDocument, ParsedFile } from '../model/parse-file.ts';
import { replacementOf } from '../model/replacement.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import { currentShare, isSameShare, retainedShare } from './share.ts';
import type { Share } from './share.ts';

/** One resource of a file as it is in force: its newest usable version, and anchors retained from earlier versions. */
export interface Grant {
  readonly resource: MeshTrust;
  /** Whether any version was settled. Until then the grant only adds to other definitions of the resource. */
  readonly settled: boolean;
  /** The share of the last settled version without a damaged block. */
  readonly clean: Share | undefined;
  /** First the share of `resource`, then the shares retained from earlier versions. */
  readonly shares: readonly Share[];
}

/** The contribution of one file (or one Kubernetes object), and the problems of its newest version. */
export interface Entry {
  readonly grants: readonly Grant[];
  readonly findings: readonly Finding[];
  /** Whether the newest version has something invalid. At the first read this delays readiness. */
  readonly invalid: boolean;
  /** Documents of other kinds in the last settled version without an invalid document. */
  readonly others: readonly OtherDocument[];
}

/** The entry of a file before its first version. */
export const emptyEntry: Entry = { grants: [], findings: [], invalid: false, others: [] };

/**
 * Returns the next state of a file after a version of it was read.
 *
 * A version removes trust only if it is `settled`, that is, known to be complete. YAML is prefix-tolerant: a file in
 * the middle of a write parses with its last documents or certificates missing. A damaged version removes nothing that
 * the damage could have hidden. A version that is no longer recognised removes nothing either: a file whose MeshTrusts
 * are replaced by something else was more likely overwritten than emptied.
 */
export function readVersion(previous: Entry, parsed: ParsedFile, settled: boolean): Entry {
  if (parsed.kind === 'refused') return keepAll(previous, parsed.findings);
  const before = new Map(previous.grants.map((grant) => [grant.resource.identity, grant]));
  const findings: Finding[] = [...parsed.remarks];
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
  const replaced = missing.length === 0 ? undefined : describeReplacement(previous, parsed);
  if (replaced !== undefined)
    findings.push(finding('MT009', replaced, { file: missing[0]?.[1].resource.place.file }));
  // A document without a readable name may be one of the missing resources.
  const isHidden =
    replaced !== undefined || parsed.documents.some((document) => mayBeEarlierResource(document, before));
  for (const [identity, grant] of missing) {
    if (isHidden) findings.push(lastGoodKept(grant));
    // The resource may still be missing from a version that is not settled.
    if (isHidden || !settled) grants.set(identity, grant);
  }
  const invalid =
    replaced !== undefined ||
    parsed.documents.some(({ kind }) => kind === 'invalid' || kind === 'unrecognised');
  return {
    grants: [...grants.values()],
    findings: findings.sort(compareFindings),
    invalid,
    others: invalid || !settled ? previous.others : parsed.others,
  };
}

/** Returns whether a document may be any of the resources that were in the file before. */
function mayBeEarlierResource(document: ParsedDocument, before: ReadonlyMap<Identity, Grant>): boolean {
  switch (document.kind) {
    case 'mesh-trust':
    case 'without-trust':
      return false;
    case 'invalid':
      return document.identity === undefined;
    case 'unrecognised':
      // A name that was not in the file before may be misspelt as well.
      return document.identity === undefined || !before.has(document.identity);
  }
}

/** Describes what replaced the missing MeshTrusts; `undefined` if they were removed on purpose. */
function describeReplacement(
  { others: before }: Entry,
  { documents, others }: Extract<ParsedFile, { readonly kind: 'documents' }>,
): string | undefined {
  const kinds = replacementOf(before, others, documents.length > 0);
  return (
    kinds && `the file had a MeshTrust and now has ${kinds} instead; to withdraw its trust, delete the file`
  );
}

/** Returns the next state of a file that cannot be read or relied on: all of its trust stays in force. */
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
    if (document.kind === 'without-trust') return undefined;
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
  const current = reuseIfUnchanged(previous?.shares[0], currentShare(resource));
  const clean = settled && !damaged ? current : previous?.clean;
  const earlier: Share[] = [];
  if (damaged && clean !== undefined) earlier.push(clean);
  if (!settled && previous !== undefined) earlier.push(...previous.shares);
  const shares = [current];
  for (const share of earlier) shares.push(...retainedShare(share, shares));
  return { resource, settled: settled || previous?.settled === true, clean, shares };
}

/** Returns the earlier share if the new one is equal, so that later stages rebuild nothing. */
function reuseIfUnchanged(before: Share | undefined, share: Share): Share {
  return before !== undefined && isSameShare(before, share) ? before : share;
}

function lastGoodKept(grant: Grant): Finding {
  return finding(
    'MT040',
    'the newest version of this resource cannot be used; its last good version stays in force',
    grant.resource.place,
  );
}

function anchorsRetained(resource: MeshTrust, count: number): Finding {
  const kept =
    count === 1
      ? 'one anchor of its last undamaged version stays'
      : `${count} anchors of its last undamaged version stay`;
  return finding('MT041', `a block of this resource is damaged; ${kept} in force`, resource.place);
}
