import type { Command } from 'commander';
import type { ParseOptions } from '../model/parse-file.ts';
import { createAnchorReader } from '../x509/anchor-reader.ts';
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
