import type { TrustDomain } from './mesh-trust.ts';
import type { Path } from './read-yaml.ts';
import { parseTrustDomain } from './trust-domain.ts';
import { asMapping, isMapping } from './violations.ts';
import type { Report } from './violations.ts';

/** What the specification of a resource says, its PEM texts not yet read. */
export interface Spec {
  /** Undefined where it is missing or none. */
  readonly trustDomain: TrustDomain | undefined;
  /** Those that could be found. */
  readonly pems: readonly { readonly path: Path; readonly text: string }[];
}

/** Reads trust domain and PEM texts; reports all that is wrong with them. */
export function readSpec(body: Record<string, unknown>, report: Report): Spec | undefined {
  const spec = asMapping(body['spec'], ['spec'], report);
  if (spec === undefined) return undefined;
  const trustDomain = readTrustDomain(spec['trustDomain'], report);
  return { trustDomain, pems: readBundles(spec['caBundles'], report) ?? [] };
}

/** Reads the provenance, which newer control planes write into the status. */
export function readOrigin(body: Record<string, unknown>, report: Report): string | undefined {
  for (const section of ['status', 'spec'] as const) {
    const holder = body[section];
    const origin = isMapping(holder) ? holder['origin'] : undefined;
    if (origin == null) continue;
    const kri = asMapping(origin, [section, 'origin'], report)?.['kri'];
    if (typeof kri === 'string') return kri;
    if (kri != null) report([section, 'origin', 'kri'], 'must be a string');
  }
  return undefined;
}

function readTrustDomain(value: unknown, report: Report): TrustDomain | undefined {
  const path = ['spec', 'trustDomain'];
  if (value == null) return report(path, 'is required');
  if (typeof value !== 'string') return report(path, 'must be a string');
  const parsed = parseTrustDomain(value);
  return parsed.kind === 'trust-domain' ? parsed.name : report(path, parsed.reason, 'MT008');
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
    else if (bundle['type'] !== 'Pem') {
      report([...at, 'type'], "must be 'Pem'");
      // Another type has no PEM text to miss.
      if (bundle['pem'] == null) return [];
    }
    const pem = asMapping(bundle['pem'], [...at, 'pem'], report);
    if (pem === undefined) return [];
    const text = pem['value'];
    if (typeof text === 'string') return [{ path: [...at, 'pem', 'value'], text }];
    report([...at, 'pem', 'value'], text == null ? 'is required' : 'must be a string');
    return [];
  });
}
