import type { Logger } from '../observe/log/log.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { openVoucherFile } from '../runtime/state/voucher-file.ts';
import { createImportStage, importIdentities } from '../trust/imports/import-stage.ts';
import type { ImportStage } from '../trust/imports/import-stage.ts';

/** The imports of a server. */
export interface Imports {
  readonly imports: ImportStage | undefined;
  /** Keeps which MeshIdentities vouch for zones in the state directory, until it is disposed. */
  readonly followVouchers: (pipeline: Pick<Pipeline, 'observeInput'>) => AsyncDisposable;
}

/**
 * Creates the stage of imports with what an earlier run kept.
 * @throws {Error} if the state directory cannot be used.
 */
export async function openImports(
  { imports: options, stateDir }: Pick<ServeOptions, 'imports' | 'stateDir'>,
  log: Logger,
): Promise<Imports> {
  const file =
    options === undefined || stateDir === undefined
      ? undefined
      : await openVoucherFile(
          stateDir,
          (message, error) => log.error({ event: 'state-dir', err: error }, message),
          systemClock,
        );
  const imports = options && createImportStage({ ...options, records: file?.records });
  return {
    imports,
    followVouchers(pipeline) {
      pipeline.observeInput((source) => {
        if (source === importIdentities && imports !== undefined) file?.save(imports.vouchers());
      });
      return { [Symbol.asyncDispose]: async () => file?.flush() };
    },
  };
}
