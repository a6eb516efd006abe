import { finding } from '../findings/finding.ts';
import type { Finding, Place } from '../findings/finding.ts';
import { unknownFields } from './known-fields.ts';
import { defaultLimits } from './limits.ts';
import { identityOf } from './mesh-trust.ts';
import type { Identity, MeshTrust } from './mesh-trust.ts';
import { pathText, placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import { blockFinding, checkBlocks, readBlocks } from './read-blocks.ts';
import { readHeader, readProvenance } from './read-header.ts';
import { readRotation } from './read-rotation.ts';
import { readOrigin, readSpec } from './read-spec.ts';
import type { Path } from './read-yaml.ts';
import { collectViolations } from './violations.ts';
import { isMapping } from '../../text/json.ts';

/** The result of parsing one document. */
export type ParsedDocument =
  | {
      readonly kind: 'mesh-trust';
      readonly resource: MeshTrust;
      /** Findings that do not affect the validity of the resource, besides the findings about its blocks. */
      readonly remarks: readonly Finding[];
    }
  /** A MeshTrust that cannot be used; `identity` if it is legible. */
  | {
      readonly kind: 'invalid';
      readonly identity: Identity | undefined;
      readonly findings: readonly Finding[];
    }
  /** A resource that gives no trust on purpose, such as a MeshIdentity of SPIRE. */
  | { readonly kind: 'without-trust'; readonly findings: readonly Finding[] }
  /** A document that was probably meant as a MeshTrust; `identity` if it is legible. */
  | {
      readonly kind: 'unrecognised';
      readonly identity: Identity | undefined;
      readonly findings: readonly Finding[];
    };

/**
 * Parses one document in either form of MeshTrust (Kubernetes: apiVersion, kind, metadata; Universal: type, name,
 * mesh). Reports all violations at once, each with its path.
 */
export function parseMeshTrust(
  form: 'kubernetes' | 'universal',
  body: Record<string, unknown>,
  root: Path,
  context: ParseContext,
): ParsedDocument {
  const { findings, report } = collectViolations(root, context);
  const header = readHeader(form, body, context, report);
  const spec = readSpec(body, report);
  const originKri = readOrigin(body, report);
  const identity = header && identityOf(header.mesh, header.namespace, header.name);
  const blocks = (spec?.pems ?? []).flatMap(({ path, text }) =>
    readBlocks(text, [...root, ...path], identity, context),
  );
  const limits = context.limits ?? defaultLimits;
  const maxBlocks = limits.certificatesPerResource;
  if (
    header === undefined ||
    identity === undefined ||
    spec?.trustDomain === undefined ||
    findings.length > 0
  ) {
    const violations = findings.map((violation) => ({ ...violation, resource: identity }));
    const ofBlocks = blocks.slice(0, maxBlocks).flatMap(blockFinding);
    return { kind: 'invalid', identity, findings: [...violations, ...ofBlocks] };
  }
  const { trustDomain } = spec;
  const place: Place = { ...placeOf(context, root), resource: identity };
  const problem = checkBlocks(blocks, limits, {
    ...place,
    path: pathText([...root, 'spec', 'caBundles']),
  });
  if (problem !== undefined) {
    // A hostile document has 16,000 blocks: of too many, none is described.
    const ofBlocks = blocks.length > maxBlocks ? [] : blocks.flatMap(blockFinding);
    return { kind: 'invalid', identity, findings: [problem, ...ofBlocks] };
  }
  const rotation = readRotation(form, body, root, context);
  const remarks = [...unknownFields(form, body, root, header.mesh, context), ...rotation.findings];
  return {
    kind: 'mesh-trust',
    resource: {
      ...header,
      identity,
      trustDomain,
      originKri,
      place,
      blocks,
      ...readProvenance(form, body),
      ...(rotation.marks && { rotation: rotation.marks }),
      ...(rotation.forcedSteps && { forcedSteps: rotation.forcedSteps }),
    },
    remarks: remarks.map((remark) => ({ ...remark, resource: identity })),
  };
}

/** Reports a document that was probably meant as a MeshTrust, with its identity if it is legible. */
export function rejectUnrecognised(
  reason: string,
  value: unknown,
  root: Path,
  context: ParseContext,
): ParsedDocument {
  const body = isMapping(value) ? value : {};
  const form = 'metadata' in body ? 'kubernetes' : 'universal';
  const header = readHeader(form, body, context, () => undefined);
  const identity = header && identityOf(header.mesh, header.namespace, header.name);
  const found = finding('MT009', `the document ${reason}`, { ...placeOf(context, root), resource: identity });
  return { kind: 'unrecognised', identity, findings: [found] };
}
