import { compareFindings, finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import { blockFinding } from '../model/read-blocks.ts';
import type { KnownDocument, ParsedFile } from '../model/parse-file.ts';
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
  readonly otherKinds: number;
}

export const emptyEntry: Entry = { grants: [], findings: [], invalid: false, otherKinds: 0 };

/**
 * The next state of a file after one of its versions was read.
 *
 * A version takes something away only when it is `settled`, that is, known to be complete: YAML is
 * prefix-tolerant, and a file that is being written parses with its last documents or certificates missing.
 * A version that is damaged takes nothing away that the damage could have hidden.
 */
export function readVersion(previous: Entry, parsed: ParsedFile, settled: boolean): Entry {
  if (parsed.kind === 'refused') return keepAll(previous, parsed.findings);
  const before = new Map(previous.grants.map((grant) => [grant.resource.identity, grant]));
  const unnamed = parsed.documents.some(
    (document) => document.kind === 'invalid' && document.identity === undefined,
  );
  const findings: Finding[] = [];
  const grants = new Map<Identity, Grant>();
  for (const document of parsed.documents) {
    const grant = readDocument(document, before, settled, findings);
    if (grant === undefined) continue;
    const { identity, place } = grant.resource;
    if (grants.has(identity)) {
      findings.push(
        finding('MT004', 'the same file defines this resource before; that definition is used', place),
      );
    } else grants.set(identity, grant);
  }
  for (const [identity, grant] of before) {
    if (grants.has(identity)) continue;
    // An invalid document without a name may be this one; a version that is not settled may not have it yet.
    if (unnamed) findings.push(lastGoodKept(grant));
    if (unnamed || !settled) grants.set(identity, grant);
  }
  return {
    grants: [...grants.values()],
    findings: findings.sort(compareFindings),
    invalid: parsed.documents.some((document) => document.kind === 'invalid'),
    otherKinds: parsed.otherKinds,
  };
}

/** The next state of a file that cannot be read or relied on: everything it gave stays. */
export function keepAll(previous: Entry, findings: readonly Finding[]): Entry {
  return {
    grants: previous.grants,
    findings: [...findings, ...previous.grants.map(lastGoodKept)],
    invalid: true,
    otherKinds: previous.otherKinds,
  };
}

function readDocument(
  document: KnownDocument,
  before: ReadonlyMap<Identity, Grant>,
  settled: boolean,
  findings: Finding[],
): Grant | undefined {
  if (document.kind === 'invalid') {
    findings.push(...document.findings);
    const kept = document.identity === undefined ? undefined : before.get(document.identity);
    if (kept !== undefined) findings.push(lastGoodKept(kept));
    return kept;
  }
  const { resource } = document;
  findings.push(...resource.blocks.flatMap(blockFinding));
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
  return finding('MT040', 'the last good version of this resource is served', grant.resource.place);
}

function anchorsRetained(resource: MeshTrust, count: number): Finding {
  const what = count === 1 ? 'one anchor' : `${count} anchors`;
  return finding(
    'MT041',
    `${what} of the last undamaged version served on, since a block is damaged`,
    resource.place,
  );
}
