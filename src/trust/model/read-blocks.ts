import { finding } from '../findings/finding.ts';
import type { Finding, Place } from '../findings/finding.ts';
import type { Limits } from './limits.ts';
import type { Identity, TrustBlock } from './mesh-trust.ts';
import { pathText } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';

/** Reads the blocks of one PEM text at a path of the file, each with its place. */
export function readBlocks(
  text: string,
  path: Path,
  identity: Identity | undefined,
  context: ParseContext,
): readonly TrustBlock[] {
  return context.reader.read(text).map((block) => {
    const place: Place = {
      file: context.file,
      line: context.lineInside(path, block.line),
      resource: identity,
      path: pathText(path),
      block: block.index,
    };
    return block.kind === 'anchor'
      ? { kind: 'anchor', certificate: block.certificate, place }
      : { kind: 'refused', code: block.code, reason: block.reason, malformed: block.malformed, place };
  });
}

/**
 * Returns why a resource with these blocks cannot be used, or `undefined` if it can. A resource whose blocks are all
 * commented out can be used: comments are text, so it has no anchors on purpose.
 */
export function checkBlocks(
  blocks: readonly TrustBlock[],
  limits: Limits,
  place: Place,
): Finding | undefined {
  if (blocks.length > limits.certificatesPerResource) {
    return finding(
      'MT007',
      `the resource has ${blocks.length} PEM blocks, more than the limit of ${limits.certificatesPerResource}`,
      place,
    );
  }
  const isOnPurpose = blocks.length > 0 && blocks.every(isCommentedOut);
  return isOnPurpose || blocks.some((block) => block.kind === 'anchor')
    ? undefined
    : finding('MT005', 'the resource has no usable CA certificate', place);
}

function isCommentedOut(block: TrustBlock): boolean {
  return block.kind === 'refused' && block.code === 'MT052';
}

/** Returns the finding for a refused block, or none for an anchor. */
export function blockFinding(block: TrustBlock): readonly Finding[] {
  return block.kind === 'anchor' ? [] : [finding(block.code, block.reason, block.place)];
}
