import type { TrustDomain } from './mesh-trust.ts';
import type { Path } from './read-yaml.ts';
import { parseTrustDomain } from './trust-domain.ts';
import { requireMapping } from './violations.ts';
import type { Report } from './violations.ts';
import { isMapping } from '../../text/json.ts';

/** The spec of a resource, with unparsed PEM texts. */
export interface Spec {
  /** `undefined` if it is missing or invalid. */
  readonly trustDomain: TrustDomain | undefined;
  /** The PEM texts of the valid bundles. */
  readonly pems: readonly { readonly path: Path; readonly text: string }[];
}

/** Reads the trust domain and the PEM texts, and reports all violations in them. */
export function readSpec(body: Record<string, unknown>, report: Report): Spec | undefined {
  const spec = requireMapping(body['spec'], ['spec'], report);
  if (spec === undefined) return undefined;
  const trustDomain = readTrustDomain(spec['trustDomain'], report);
  return { trustDomain, pems: readBundles(spec['caBundles'], report) ?? [] };
}

/** Reads the provenance. Newer control planes write it into the status instead of the spec. */
export function readOrigin(body: Record<string, unknown>, report: Report): string | undefined {
  for (const section of ['status', 'spec'] as const) {
    const holder = body[section];
    const origin = isMapping(holder) ? holder['origin'] : undefined;
    if (origin == null) continue;
    const kri = requireMapping(origin, [section, 'origin'], report)?.['kri'];
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
    const bundle = requireMapping(item, at, report);
    if (bundle === undefined) return [];
    if (bundle['type'] == null) report([...at, 'type'], 'is required');
    else if (bundle['type'] !== 'Pem') {
      report([...at, 'type'], "must be 'Pem'");
      // A bundle of another type needs no PEM text.
      if (bundle['pem'] == null) return [];
    }
    const pem = requireMapping(bundle['pem'], [...at, 'pem'], report);
    if (pem === undefined) return [];
    const text = pem['value'];
    if (typeof text === 'string') return [{ path: [...at, 'pem', 'value'], text }];
    report([...at, 'pem', 'value'], text == null ? 'is required' : 'must be a string');
    return [];
  });
}
