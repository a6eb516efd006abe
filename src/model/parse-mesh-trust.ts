import { finding } from '../findings/finding.ts';
import type { Finding, Place } from '../findings/finding.ts';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { identityOf } from './mesh-trust.ts';
import type { Identity, MeshTrust, TrustBlock, TrustDomain } from './mesh-trust.ts';
import type { Path } from './read-yaml.ts';
import { parseTrustDomain } from './trust-domain.ts';

/** What a parser needs to know besides the value itself. */
export interface ParseContext {
  readonly file: string;
  /** 1-based line of the value at a path, if the document still knows; of its nearest parent otherwise. */
  readonly lineOf: (path: Path) => number | undefined;
  /** 1-based line of one line inside of a text value, where each of its lines is a line of the file. */
  readonly lineInside: (path: Path, line: number) => number | undefined;
  readonly defaultMesh: string;
  readonly reader: AnchorReader;
  readonly limits?: Limits;
}

export type ParsedDocument =
  | { readonly kind: 'mesh-trust'; readonly resource: MeshTrust }
  /** A MeshTrust that cannot be used; `identity` if that much of it could be read. */
  | {
      readonly kind: 'invalid';
      readonly identity: Identity | undefined;
      readonly findings: readonly Finding[];
    }
  | { readonly kind: 'other' };

type Header = { readonly mesh: string; readonly namespace: string; readonly name: string };

const namePattern = /^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/;

/**
 * Reads one document of either form of MeshTrust (Kubernetes: apiVersion, kind, metadata; Universal: type,
 * name, mesh). Reports every violation at once, each with its path; other kinds are `other`.
 */
export function parseMeshTrust(value: unknown, root: Path, context: ParseContext): ParsedDocument {
  const form = formOf(value);
  if (form === 'other') return { kind: 'other' };
  const findings: Finding[] = [];
  const report = (path: Path, message: string, code: 'MT003' | 'MT007' | 'MT008' = 'MT003'): undefined => {
    const full = [...root, ...path];
    findings.push(finding(code, message, placeOf(context, full)));
    return undefined;
  };
  const body = value as Record<string, unknown>;
  const header =
    form === 'kubernetes' ? readKubernetes(body, context, report) : readUniversal(body, context, report);
  const identity = header && identityOf(header.mesh, header.namespace, header.name);
  const spec = asMapping(body['spec'], ['spec'], report);
  const trustDomain = spec && readTrustDomain(spec['trustDomain'], report);
  const originKri = readOrigin(body, spec, report);
  const pems = spec && readBundles(spec['caBundles'], report);
  if (
    header === undefined ||
    identity === undefined ||
    trustDomain === undefined ||
    pems === undefined ||
    findings.length > 0
  ) {
    return { kind: 'invalid', identity, findings: findings.map((f) => ({ ...f, resource: identity })) };
  }
  const blocks = pems.flatMap(({ path, text }) => readBlocks(text, [...root, ...path], identity, context));
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

type Report = (path: Path, message: string, code?: 'MT003' | 'MT007' | 'MT008') => undefined;

function formOf(value: unknown): 'kubernetes' | 'universal' | 'other' {
  if (!isMapping(value)) return 'other';
  if (value['type'] === 'MeshTrust' && value['kind'] === undefined) return 'universal';
  if (value['kind'] !== 'MeshTrust') return 'other';
  const apiVersion = value['apiVersion'];
  return typeof apiVersion !== 'string' || apiVersion.startsWith('kuma.io/') ? 'kubernetes' : 'other';
}

function readKubernetes(
  body: Record<string, unknown>,
  context: ParseContext,
  report: Report,
): Header | undefined {
  if (body['apiVersion'] !== 'kuma.io/v1alpha1') report(['apiVersion'], "must be 'kuma.io/v1alpha1'");
  const metadata = asMapping(body['metadata'], ['metadata'], report);
  if (metadata === undefined) return undefined;
  const labels =
    metadata['labels'] == null ? {} : asMapping(metadata['labels'], ['metadata', 'labels'], report);
  const label = labels?.['kuma.io/mesh'] ?? context.defaultMesh;
  const mesh = labels && readName(label, ['metadata', 'labels', 'kuma.io/mesh'], report);
  const name = readName(metadata['name'], ['metadata', 'name'], report);
  const namespace =
    metadata['namespace'] == null ? '' : readName(metadata['namespace'], ['metadata', 'namespace'], report);
  return mesh === undefined || name === undefined || namespace === undefined
    ? undefined
    : { mesh, namespace, name };
}

function readUniversal(
  body: Record<string, unknown>,
  context: ParseContext,
  report: Report,
): Header | undefined {
  const mesh = readName(body['mesh'] ?? context.defaultMesh, ['mesh'], report);
  const name = readName(body['name'], ['name'], report);
  return mesh === undefined || name === undefined ? undefined : { mesh, namespace: '', name };
}

function readName(value: unknown, path: Path, report: Report): string | undefined {
  if (value == null) return report(path, 'is required');
  if (typeof value !== 'string') return report(path, 'must be a string');
  if (!namePattern.test(value)) {
    return report(
      path,
      "must be at most 253 lower case letters, digits, '-', '_' or '.', and begin and end with a letter or digit",
    );
  }
  return value;
}

function readTrustDomain(value: unknown, report: Report): TrustDomain | undefined {
  const path = ['spec', 'trustDomain'];
  if (value == null) return report(path, 'is required');
  if (typeof value !== 'string') return report(path, 'must be a string');
  const parsed = parseTrustDomain(value);
  return parsed.kind === 'trust-domain' ? parsed.name : report(path, parsed.reason, 'MT008');
}

function readOrigin(
  body: Record<string, unknown>,
  spec: Record<string, unknown> | undefined,
  report: Report,
): string | undefined {
  const status = isMapping(body['status']) ? body['status'] : undefined;
  for (const [section, holder] of [
    ['status', status],
    ['spec', spec],
  ] as const) {
    const origin = holder?.['origin'];
    if (origin == null) continue;
    const kri = asMapping(origin, [section, 'origin'], report)?.['kri'];
    if (typeof kri === 'string') return kri;
    if (kri != null) report([section, 'origin', 'kri'], 'must be a string');
  }
  return undefined;
}

function readBundles(
  value: unknown,
  report: Report,
): readonly { readonly path: Path; readonly text: string }[] | undefined {
  const path = ['spec', 'caBundles'];
  if (value == null) return report(path, 'is required');
  if (!Array.isArray(value)) return report(path, 'must be a list');
  if (value.length === 0) return report(path, 'must have at least one item');
  return value.flatMap((item: unknown, index) => {
    const at = [...path, index];
    const bundle = asMapping(item, at, report);
    if (bundle === undefined) return [];
    if (bundle['type'] == null) report([...at, 'type'], 'is required');
    else if (bundle['type'] !== 'Pem') report([...at, 'type'], "must be 'Pem'");
    const pem = asMapping(bundle['pem'], [...at, 'pem'], report);
    if (pem === undefined) return [];
    const text = pem['value'];
    if (typeof text === 'string') return [{ path: [...at, 'pem', 'value'], text }];
    report([...at, 'pem', 'value'], text == null ? 'is required' : 'must be a string');
    return [];
  });
}

function readBlocks(
  text: string,
  path: Path,
  identity: Identity,
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

function objectionToBlocks(blocks: readonly TrustBlock[], limits: Limits, place: Place): Finding | undefined {
  if (blocks.length > limits.certificatesPerResource) {
    return finding(
      'MT007',
      `has ${blocks.length} PEM blocks, more than the ${limits.certificatesPerResource} that one resource may have`,
      place,
    );
  }
  return blocks.some((block) => block.kind === 'anchor')
    ? undefined
    : finding('MT005', 'has no certificate that can be an anchor', place);
}

/** The finding for a block that is refused; none for an anchor. */
export function blockFinding(block: TrustBlock): readonly Finding[] {
  return block.kind === 'anchor' ? [] : [finding(block.code, block.reason, block.place)];
}

function asMapping(value: unknown, path: Path, report: Report): Record<string, unknown> | undefined {
  if (isMapping(value)) return value;
  return report(path, value == null ? 'is required' : 'must be a mapping');
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function placeOf(context: ParseContext, path: Path): Place {
  return {
    file: context.file,
    line: context.lineOf(path),
    path: path.length === 0 ? undefined : pathText(path),
  };
}

/** `['spec', 'caBundles', 1, 'pem']` as `spec.caBundles[1].pem`. */
export function pathText(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      if (!/^\w+$/.test(part)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}
