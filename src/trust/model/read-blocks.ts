import { finding } from '../findings/finding.ts';
import type { Finding, Place } from '../findings/finding.ts';
import type { Limits } from './limits.ts';
import type { Identity, TrustBlock } from './mesh-trust.ts';
import { pathText } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';

/** The blocks of one PEM text at a path of the file, each with its place. */
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

/** Why a resource with these blocks cannot be used, if it cannot. */
export function objectionToBlocks(
  blocks: readonly TrustBlock[],
  limits: Limits,
  place: Place,
): Finding | undefined {
  if (blocks.length > limits.certificatesPerResource) {
    return finding(
      'MT007',
      `the resource has ${blocks.length} PEM blocks, more than the ${limits.certificatesPerResource} that one may have`,
      place,
    );
  }
  return blocks.some((block) => block.kind === 'anchor')
    ? undefined
    : finding('MT005', 'the resource has no certificate that can be an anchor', place);
}

/** The finding for a block that is refused; none for an anchor. */
export function blockFinding(block: TrustBlock): readonly Finding[] {
  return block.kind === 'anchor' ? [] : [finding(block.code, block.reason, block.place)];
}
