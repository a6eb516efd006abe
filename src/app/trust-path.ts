import type { Logger } from '../observe/log/log.ts';
import { systemClock } from '../runtime/clock.ts';
import { createPipeline } from '../runtime/pipeline.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { createIdentityStage } from '../trust/identity/identity-stage.ts';
import { createLedger } from '../trust/ledger/ledger.ts';
import type { ParseOptions } from '../trust/model/parse-file.ts';
import { createMeshBuilder } from '../trust/snapshot/mesh-builder.ts';
import { createAnchorReader } from '../trust/x509/anchor-reader.ts';
import type { AnchorReader } from '../trust/x509/anchor-reader.ts';
import { openImports } from './imports.ts';
import type { Imports } from './imports.ts';
import { ownTrustDomains } from './own-trust-domains.ts';
import type { OwnTrustDomains } from './own-trust-domains.ts';
import { identitySources, optionalSources, readsIdentities } from './sources.ts';
import type { SourceNames } from './sources.ts';
import { createTrustPolicy } from './trust-policy.ts';
import type { TrustPolicy } from './trust-policy.ts';

/** The path of trust: from the events of sources to what each mesh trusts. */
export interface TrustPath extends Pick<Imports, 'followVouchers'> {
  readonly reader: AnchorReader;
  readonly policy: TrustPolicy;
  /** The options of the parser, without the cache of certificates. */
  readonly parse: Omit<ParseOptions, 'reader'>;
  readonly pipeline: Pipeline;
  /** The trust domains that are never taken from a peer. */
  readonly own: OwnTrustDomains | undefined;
}

/**
 * Creates the path of trust. It has no state before its sources and the state of an earlier run.
 * @throws {Error} if the state directory or the list of distrusted certificates cannot be used.
 */
export async function createTrustPath(
  options: ServeOptions,
  names: SourceNames,
  log: Logger,
): Promise<TrustPath> {
  const reader = createAnchorReader({ maxBytes: options.cacheBytes });
  const policy = createTrustPolicy(options);
  const parse = {
    defaultMesh: options.defaultMesh,
    limits: { documentLength: options.maxDocumentBytes, certificatesPerResource: options.maxCertificates },
    identities: options.identities !== undefined,
    federation: options.federation !== undefined,
  };
  const { imports, followVouchers } = await openImports(options, log);
  const identities =
    options.identities &&
    createIdentityStage({
      ...options.identities,
      limits: parse.limits,
      awaitsPublication: true,
      sources: identitySources(names),
    });
  const own = ownTrustDomains(options, identities);
  const pipeline = createPipeline({
    ledger: createLedger(names.ledger, { holdMs: options.guardHold, yielding: own }),
    builder: createMeshBuilder(policy.current(), { rootTrustDomain: options.rootTrustDomain }),
    parse: (source) => ({ ...parse, reader, identities: readsIdentities(source, options) }),
    parseFailed: (source, path, error) =>
      log.error(
        { event: 'parse-failed', source, file: path, err: error },
        `${path}: the parser failed; its last text stays in force`,
      ),
    identities,
    imports,
    optional: optionalSources(options),
    guardHoldMs: options.guardHold,
    clock: systemClock,
  });
  return { reader, policy, parse, pipeline, own, followVouchers };
}
