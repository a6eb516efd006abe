import { distrustedBy, distrustFindings } from '../../trust/policy/distrust.ts';
import { readDistrustFile } from '../../runtime/state/distrust-file.ts';
import type { BundlePolicy } from '../../trust/bundle/trust-bundle.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import { createIdentityStage } from '../../trust/identity/identity-stage.ts';
import type { IdentityStage } from '../../trust/identity/identity-stage.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import type { MeshStates } from '../../trust/snapshot/mesh-builder.ts';
import { createAnchorReader } from '../../trust/x509/anchor-reader.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { readingFlags } from '../flags/flag-groups.ts';
import type { FlagOptions } from '../flags/flags.ts';

/** The options for reading resources that `serve` and the offline commands share. */
export type ReadingOptions = FlagOptions<(typeof readingFlags)[number]>;

/** How files are read. */
export interface Reading {
  readonly parse: ParseOptions;
  /** Derives the MeshTrusts of MeshIdentities; `undefined` if these are not read. */
  readonly identities: IdentityStage | undefined;
  /** The folder below which MeshIdentities may name files with CA certificates. */
  readonly identityRoot: string | undefined;
}

export function readingOf(options: ReadingOptions): Reading {
  const { identities = false, zone, zones = [] } = options;
  const limits = {
    documentLength: options.maxDocumentBytes,
    certificatesPerResource: options.maxCertificates,
  };
  return {
    parse: {
      defaultMesh: options.defaultMesh,
      reader: createAnchorReader({ maxBytes: options.cacheBytes }),
      limits,
      identities,
      federation: true,
    },
    identities: identities
      ? createIdentityStage({ zone, zones, linger: { kind: 'forever' }, limits })
      : undefined,
    identityRoot: identities ? options.identityRoot : undefined,
  };
}

/** The bundle policy of the options, and a function that returns the findings of the distrust list. */
export interface OfflinePolicy {
  readonly policy: BundlePolicy;
  readonly findingsOf: (meshes: MeshStates) => readonly Finding[];
}

/**
 * Reads the distrust list, if there is one.
 * @throws {CommandError} (usage) if the distrust list cannot be read.
 */
export async function policyOf({
  distrust,
  refuseIntermediates = false,
}: {
  readonly distrust?: string;
  readonly refuseIntermediates?: boolean;
}): Promise<OfflinePolicy> {
  if (distrust === undefined)
    return { policy: { distrusted: new Set(), refuseIntermediates }, findingsOf: () => [] };
  try {
    const list = await readDistrustFile(distrust);
    return {
      policy: { distrusted: distrustedBy(list.hashes), refuseIntermediates },
      findingsOf: (meshes) => distrustFindings(distrust, list, meshes),
    };
  } catch (error) {
    throw new CommandError(exitCode.usage, error instanceof Error ? error.message : String(error));
  }
}
