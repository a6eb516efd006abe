import type { Finding, Place } from '../findings/finding.ts';
import { defaultLimits } from './limits.ts';
import { identityOf } from './mesh-trust.ts';
import type { Identity, MeshTrust } from './mesh-trust.ts';
import { pathText, placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import { blockFinding, objectionToBlocks, readBlocks } from './read-blocks.ts';
import { formOf, readHeader } from './read-header.ts';
import { readOrigin, readSpec } from './read-spec.ts';
import type { Path } from './read-yaml.ts';
import { collectViolations } from './violations.ts';

/** What one document turned out to be. */
export type ParsedDocument =
  | { readonly kind: 'mesh-trust'; readonly resource: MeshTrust }
  /** A MeshTrust that cannot be used; `identity` if that much of it could be read. */
  | {
      readonly kind: 'invalid';
      readonly identity: Identity | undefined;
      readonly findings: readonly Finding[];
    }
  | { readonly kind: 'other' };

/**
 * Reads one document of either form of MeshTrust (Kubernetes: apiVersion, kind, metadata; Universal: type,
 * name, mesh). Reports every violation at once, each with its path; other kinds are `other`.
 */
export function parseMeshTrust(value: unknown, root: Path, context: ParseContext): ParsedDocument {
  const form = formOf(value);
  if (form === 'other') return { kind: 'other' };
  const { findings, report } = collectViolations(root, context);
  const body = value as Record<string, unknown>;
  const header = readHeader(form, body, context, report);
  const spec = readSpec(body, report);
  const originKri = readOrigin(body, report);
  const identity = header && identityOf(header.mesh, header.namespace, header.name);
  const blocks = (spec?.pems ?? []).flatMap(({ path, text }) =>
    readBlocks(text, [...root, ...path], identity, context),
  );
  if (
    header === undefined ||
    identity === undefined ||
    spec?.trustDomain === undefined ||
    findings.length > 0
  ) {
    const violations = findings.map((violation) => ({ ...violation, resource: identity }));
    return { kind: 'invalid', identity, findings: [...violations, ...blocks.flatMap(blockFinding)] };
  }
  const { trustDomain } = spec;
  const place: Place = { ...placeOf(context, root), resource: identity };
  const problem = objectionToBlocks(blocks, context.limits ?? defaultLimits, {
    ...place,
    path: pathText([...root, 'spec', 'caBundles']),
  });
  if (problem !== undefined) {
    return { kind: 'invalid', identity, findings: [problem, ...blocks.flatMap(blockFinding)] };
  }
  return { kind: 'mesh-trust', resource: { ...header, identity, trustDomain, originKri, place, blocks } };
}
