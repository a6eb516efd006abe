import type { Logger } from '../observe/log/log.ts';
import type { Metrics } from '../observe/metrics/metrics.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { createLastGoodStore } from '../runtime/state/last-good-store.ts';
import type { LastGoodStore } from '../runtime/state/last-good-store.ts';
import type { AnchorReader } from '../trust/x509/anchor-reader.ts';
import { isImportSource } from '../trust/ledger/import-sources.ts';
import { reasonWithPlace } from '../text/system-error.ts';

interface LastGoodInput {
  readonly pipeline: Pipeline;
  readonly reader: AnchorReader;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Opens the store of the state directory; `undefined` if the options have none. */
export function openLastGood(
  { stateDir }: ServeOptions,
  { pipeline, reader, metrics, log }: LastGoodInput,
): LastGoodStore | undefined {
  if (stateDir === undefined) return undefined;
  const store = createLastGoodStore({
    directory: stateDir,
    reader,
    clock: systemClock,
    mayWrite: () => pipeline.held().length === 0,
    isRead: (source) =>
      pipeline
        .view()
        .ledger.sources.some(
          ({ name, synced, restored: isRestored }) => name === source && (synced || isRestored),
        ),
    onError: (message) => log.error({ event: 'state-dir' }, message),
    onWrite: metrics.stateWrite,
  });
  metrics.followSnapshotAge(() => store.behindMs() / 1000);
  return store;
}

/** Saves what the paths give now, for the next start. */
export function keep(
  source: string,
  paths: readonly string[],
  pipeline: Pipeline,
  store: LastGoodStore | undefined,
): void {
  if (store === undefined) return;
  for (const path of paths) store.save({ source, path, grants: pipeline.grantsOf(source, path) });
}

/**
 * Restores the state of an earlier run, without that of sources that the server no longer has. Returns the names of the
 * sources that had something in force.
 * @throws {Error} if the state directory cannot be used.
 */
export async function restore(
  store: LastGoodStore | undefined,
  pipeline: Pipeline,
  isSource: (name: string) => boolean,
  log: Logger,
): Promise<ReadonlySet<string>> {
  const states = await store?.load().catch((error: unknown) => {
    throw new Error(`the state directory cannot be used: ${reasonWithPlace(error)}`, { cause: error });
  });
  const kept = store?.sources() ?? new Map<string, boolean>();
  const sources = new Set([...kept.keys(), ...(states ?? []).map(({ source }) => source)]);
  // What the Global control plane gives is read as one, and kept by zone.
  const areImportsWhole = [...sources].filter(isImportSource).every((source) => kept.get(source) === true);
  const isWhole = (source: string): boolean =>
    isImportSource(source) ? areImportsWhole : kept.get(source) === true;
  for (const [source, group] of Map.groupBy(states ?? [], (state) => state.source)) {
    if (!isSource(source)) {
      const text = `what was kept of ${source} is left out: it is no longer among the sources`;
      log.warn({ event: 'state-dir', source, paths: group.length }, text);
      continue;
    }
    const isPartial = !isWhole(source);
    if (isPartial) {
      const text = `a part of what was kept of ${source} may be missing: it does not replace the first complete read of ${source}`;
      log.warn({ event: 'state-dir', source, paths: group.length }, text);
    }
    pipeline.restore(
      source,
      group.map(({ path, grants }) => ({ kind: 'restored', path, grants, isPartial })),
    );
  }
  return new Set([...sources].filter(isSource));
}
