import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { SourceStatus } from './source-status.ts';

/**
 * The source of what the Global control plane itself publishes. It is served, but nothing waits for it: the Global
 * control plane may be unreachable when a zone starts.
 */
export const importSource = 'import';

/** The beginning of the sources of zones, and of the paths of all imported objects. */
const zonePrefix = `${importSource}:`;

/** Returns the source of what a zone publishes through the Global control plane. Each zone has its own guard. */
export function importSourceOf(zone: string | undefined): string {
  return zone === undefined ? importSource : `${zonePrefix}${zone}`;
}

/** Returns whether a source has trust of the Global control plane. */
export function isImportSource(source: string): boolean {
  return source === importSource || source.startsWith(zonePrefix);
}

/** Returns whether a path of an event or finding is that of an object of the Global control plane. */
export function isImportedPath(path: string): boolean {
  return path.startsWith(zonePrefix);
}

/** Returns the zone of an import source; `undefined` for what the Global control plane itself publishes. */
export function zoneOfSource(source: string): string | undefined {
  return source.startsWith(zonePrefix) ? source.slice(zonePrefix.length) : undefined;
}

/**
 * Returns whether the trust of the Global control plane is known, if it is imported at all: it was read completely, or
 * an earlier run kept it.
 */
export function isImportKnown(
  sources: readonly Pick<SourceStatus, 'name' | 'synced' | 'restored'>[],
): boolean {
  const imports = sources.filter(({ name }) => isImportSource(name));
  return (
    imports.length === 0 ||
    imports.some(({ name, synced, restored }) => restored || (name === importSource && synced))
  );
}

/** The beginning of the paths of failures to apply what was read. */
const unappliedPrefix = 'events of ';

/** Returns the path of the failure to apply the events of a source. No source reports failures of it. */
export function unappliedPath(source: string): string {
  return `${unappliedPrefix}${source}`;
}

/** Returns the finding about a path of a source that cannot be read, or about events that cannot be applied. */
export function failureFinding(source: string, path: string, reason: string): Finding {
  if (path.startsWith(unappliedPrefix))
    return finding(
      isImportSource(source) ? 'MT091' : 'MT001',
      `changes were read and cannot be applied: ${reason}; they are tried again, and the earlier trust stays in force`,
      { file: path },
    );
  return isImportSource(source)
    ? finding(
        'MT091',
        `the Global control plane cannot be read: ${reason}; what it gave before stays in force`,
        { file: path },
      )
    : finding(
        'MT001',
        `the path cannot be read: ${reason}; it is tried again, and nothing below it changes until then`,
        { file: path },
      );
}
