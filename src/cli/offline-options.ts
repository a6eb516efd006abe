import type { Command } from 'commander';
import { readDistrustFile } from '../app/distrust-file.ts';
import type { BundlePolicy } from '../bundle/trust-bundle.ts';
import type { ParseOptions } from '../model/parse-file.ts';
import { createAnchorReader } from '../x509/anchor-reader.ts';
import { CommandError, exitCode } from './exit-code.ts';
import { flag } from './flags.ts';

/** The options by which both `serve` and the offline commands read resources. */
export interface ReadingOptions {
  readonly defaultMesh: string;
  readonly maxDocumentBytes: number;
  readonly maxCertificates: number;
  readonly cacheBytes: number;
}

export function addReadingOptions(command: Command): Command {
  for (const name of ['defaultMesh', 'maxDocumentBytes', 'maxCertificates', 'cacheBytes'] as const)
    command.addOption(flag(name));
  return command;
}

export function parseOptionsOf(options: ReadingOptions): ParseOptions {
  return {
    defaultMesh: options.defaultMesh,
    reader: createAnchorReader({ maxBytes: options.cacheBytes }),
    limits: { documentLength: options.maxDocumentBytes, certificatesPerResource: options.maxCertificates },
  };
}

/**
 * What is never served whatever the resources say.
 * @throws {CommandError} (usage) if the distrust list cannot be used.
 */
export async function policyOf({
  distrust,
  refuseIntermediates = false,
}: {
  readonly distrust?: string;
  readonly refuseIntermediates?: boolean;
}): Promise<BundlePolicy> {
  try {
    const distrusted = distrust === undefined ? new Set<string>() : await readDistrustFile(distrust);
    return { distrusted, refuseIntermediates };
  } catch (error) {
    throw new CommandError(exitCode.usage, error instanceof Error ? error.message : String(error));
  }
}
