import { createIdentityStage } from '../../src/trust/identity/identity-stage.ts';
import type { IdentityStage, IdentityStageOptions } from '../../src/trust/identity/identity-stage.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import type { LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import { defaultLimits } from '../../src/trust/model/limits.ts';
import { parseFile } from '../../src/trust/model/parse-file.ts';
import { codes } from './ledger.ts';
import { reader } from './resources.ts';

export const hour = 3_600_000;

/** Returns the YAML of a MeshIdentity in the Universal form; `spec` and `more` are JSON. */
export function identityText(parts: {
  readonly name?: string;
  readonly mesh?: string;
  readonly spec?: unknown;
  readonly more?: Readonly<Record<string, unknown>>;
}): string {
  const { name = 'identity', mesh = 'default', spec, more = {} } = parts;
  return JSON.stringify({ type: 'MeshIdentity', name, mesh, ...more, spec });
}

/** Returns the spec of a MeshIdentity whose CA certificate is in it. */
export function bundled(
  certificate: unknown,
  parts: {
    readonly trustDomain?: string;
    readonly bundled?: Readonly<Record<string, unknown>>;
    readonly privateKey?: unknown;
  } = {},
): unknown {
  const { trustDomain = 'a.example', privateKey } = parts;
  return {
    spiffeID: { trustDomain },
    provider: {
      type: 'Bundled',
      bundled: { insecureAllowSelfSigned: true, ca: { certificate, privateKey }, ...parts.bundled },
    },
  };
}

/** Returns the data source of a text in the resource itself. */
export function inline(value: string): unknown {
  return { type: 'InsecureInline', insecureInline: { value } };
}

/** Returns the Universal form of a Secret of Kuma. */
export function secretText(name: string, value: string, mesh = 'default'): string {
  return JSON.stringify({ type: 'Secret', name, mesh, data: Buffer.from(value).toString('base64') });
}

/** The stage with a ledger behind it, as the pipeline connects them. */
export interface Rig {
  readonly stage: IdentityStage;
  /** Applies the texts of files in one batch; without a text, the file is deleted. */
  readonly apply: (
    texts: Readonly<Record<string, string | undefined>>,
    now?: number,
    settled?: boolean,
  ) => void;
  readonly deliver: (source: string, events: readonly LedgerEvent[], now: number) => void;
  readonly tick: (now: number) => void;
  /** Returns the CAs in force as `mesh/trust domain: common names`. */
  readonly inForce: () => readonly string[];
  readonly codes: () => readonly string[];
  readonly messages: () => readonly string[];
  readonly grantsOf: (
    source: string,
    path: string,
  ) => ReturnType<ReturnType<typeof createLedger>['grantsOf']>;
}

export function makeRig(options: Partial<IdentityStageOptions> = {}): Rig {
  const stage = createIdentityStage({
    zone: undefined,
    zones: [],
    linger: { kind: 'leaves' },
    limits: defaultLimits,
    ...options,
  });
  const ledger = createLedger(['files', 'kubernetes', 'identity files', 'superseded'], { holdMs: 30_000 });
  const deliver: Rig['deliver'] = (source, events, now) => {
    for (const [to, all] of stage.apply(source, events, now)) ledger.apply(to, all, now);
  };
  return {
    stage,
    deliver,
    apply(texts, now = 0, settled = true) {
      const events = Object.entries(texts).map(([path, text]): LedgerEvent =>
        text === undefined
          ? { kind: 'gone', path, evidence: 'deletion' }
          : { kind: 'version', path, settled, parsed: parseAll(path, text) },
      );
      deliver('files', events, now);
    },
    tick(now) {
      for (const [to, all] of stage.tick(now)) ledger.apply(to, all, now);
      // Ends what the mass-loss guard holds back.
      ledger.tick(now);
    },
    inForce() {
      const lines: string[] = [];
      for (const [mesh, domains] of ledger.view().holdings)
        for (const [trustDomain, shares] of domains) {
          const names = shares.flatMap((share) =>
            share.anchors.map(({ certificate }) => certificate.subject.replace(/^CN=/, '')),
          );
          lines.push(`${mesh}/${trustDomain}: ${[...new Set(names)].sort().join(' ')}`);
        }
      return lines.sort();
    },
    codes: () => codes(ledger),
    messages: () => ledger.view().findings.map(({ message }) => message),
    grantsOf: (source, path) => ledger.grantsOf(source, path),
  };
}

export function parseAll(path: string, text: string): ReturnType<typeof parseFile> {
  return parseFile(path, text, { defaultMesh: 'default', reader, identities: true });
}
