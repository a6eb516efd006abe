import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { WatchDirectoryOptions } from '../../../src/inputs/directory/watch-directory.ts';
import { watchDirectory } from '../../../src/inputs/directory/watch-directory.ts';
import type { Source, SourceEvent } from '../../../src/trust/source.ts';

type Content = Extract<SourceEvent, { kind: 'content' }>;

/** A running source, and its events. */
export interface Observed {
  readonly source: Source;
  readonly batches: (readonly SourceEvent[])[];
  /** All events so far, in order. */
  readonly events: () => SourceEvent[];
  readonly contents: (path: string) => Content[];
  /** Resolves with the first event that matches, including past ones from the index `from`. Rejects after 5 s. */
  readonly until: (
    what: string,
    match: (event: SourceEvent) => boolean,
    from?: number,
  ) => Promise<SourceEvent>;
  readonly untilSettled: (path: string, text: string) => Promise<SourceEvent>;
}

/** Creates a temporary directory for one test. */
export function makeFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'meshtrust-source-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a source. It is closed at the end of the test. */
export function observe(t: TestContext, options: WatchDirectoryOptions): Observed {
  const batches: (readonly SourceEvent[])[] = [];
  const waiters = new Set<() => void>();
  const source = watchDirectory(options, (batch) => {
    batches.push(batch);
    for (const check of waiters) check();
  });
  t.after(() => source.close());

  function until(
    what: string,
    match: (event: SourceEvent) => boolean,
    from: number = 0,
  ): Promise<SourceEvent> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiters.delete(check);
        reject(new Error(`no event within 30 s: ${what}; events: ${summary(batches)}`));
      }, 30_000);
      function check(): void {
        const found = batches.flat().slice(from).find(match);
        if (found === undefined) return;
        clearTimeout(timer);
        waiters.delete(check);
        resolve(found);
      }
      waiters.add(check);
      check();
    });
  }

  return {
    source,
    batches,
    events: () => batches.flat(),
    contents: (path) =>
      batches.flat().filter((event) => event.kind === 'content' && event.path === path) as Content[],
    until,
    untilSettled: (path, text) =>
      until(
        `${path} settled as ${text.slice(0, 20)}`,
        (event) => event.kind === 'content' && event.path === path && event.text === text && event.settled,
      ),
  };
}

/** Starts a source and waits for its first complete read. */
export async function observeSynced(t: TestContext, options: WatchDirectoryOptions): Promise<Observed> {
  const observed = observe(t, options);
  await observed.until('synced', ({ kind }) => kind === 'synced');
  return observed;
}

/** Writes files with the given texts, and creates their directories. */
export function writeFiles(folder: string, texts: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(texts)) {
    const path = join(folder, name);
    fs.mkdirSync(join(path, '..'), { recursive: true });
    fs.writeFileSync(path, text);
  }
}

/** Replaces a file by a rename, as careful programs do. */
export function replaceFile(path: string, text: string): void {
  fs.writeFileSync(`${path}.tmp`, text);
  fs.renameSync(`${path}.tmp`, path);
}

function summary(batches: readonly (readonly SourceEvent[])[]): string {
  return JSON.stringify(batches.slice(-5), (key, value: unknown) =>
    key === 'text' && typeof value === 'string' ? value.slice(0, 20) : value,
  );
}
