import { createHash } from 'node:crypto';
import { signedText, verifiedBody } from './signed-text.ts';
import type { StateKey } from './state-key.ts';

/** All state files of a source, as a digest of their names and checksums. */
interface Summary {
  readonly files: number;
  readonly digest: string;
}

interface StoredBody {
  readonly format: typeof format;
  readonly sources: Readonly<Record<string, Summary>>;
}

/** The name of the record in the state directory. */
export const recordName = 'complete.json';
/** The format version. It is increased when programs of another version could not read the file. */
const format = 1;

/**
 * Knows which state files each source has on disk, and for which sources the record says that these are all of its
 * state. A file that is missing or damaged, or from an interrupted series of writes, does not match the record.
 */
export class CompleteRecord {
  /** The checksum of each readable file, by source. */
  readonly #files = new Map<string, Map<string, string>>();
  /** What the record on disk says. */
  #recorded: ReadonlyMap<string, Summary> = new Map();
  /** Sources whose record may be out of date. */
  readonly #stale = new Set<string>();

  /**
   * Reads the record of an earlier run, after the files were put.
   * @throws {Error} if it is not whole, not of this format, or was not written with this key.
   */
  read(text: string, key: StateKey): void {
    const stored = JSON.parse(verifiedBody(text, key)) as StoredBody;
    if (stored.format !== format) throw new Error(`format ${String(stored.format)} is not known`);
    this.#recorded = new Map(Object.entries(stored.sources));
    for (const source of this.#all()) {
      if (this.#isRecorded(source)) this.#stale.delete(source);
      else this.#stale.add(source);
    }
  }

  /** Records the checksum of a file that was read or written; `undefined` if the file was removed. */
  put(source: string, file: string, checksum: string | undefined): void {
    this.#stale.add(source);
    const files = this.#files.get(source) ?? new Map<string, string>();
    if (checksum === undefined) files.delete(file);
    else files.set(file, checksum);
    if (files.size === 0) this.#files.delete(source);
    else this.#files.set(source, files);
  }

  /** Returns the sources of the files and of the record, each with whether its files are all of its state. */
  sources(): ReadonlyMap<string, boolean> {
    return new Map([...this.#all()].map((source) => [source, this.#isRecorded(source)]));
  }

  /** Whether the record of a source may be out of date. */
  get isStale(): boolean {
    return this.#stale.size > 0;
  }

  /**
   * Returns the text of a record in which the files of these sources are complete, and a function to call once it is on
   * disk; `undefined` if nothing changes. A source that is not complete keeps its entry, which its files do not match.
   */
  next(
    isComplete: (source: string) => boolean,
    key: StateKey,
  ): { readonly text: string; readonly written: () => void } | undefined {
    const complete = [...this.#stale].filter(isComplete);
    const recorded = new Map(this.#recorded);
    let hasChanged = false;
    for (const source of complete) {
      const summary = this.#summaryOf(source);
      if (recorded.get(source)?.digest === summary?.digest) continue;
      hasChanged = true;
      if (summary === undefined) recorded.delete(source);
      else recorded.set(source, summary);
    }
    const done = (): void => {
      for (const source of complete) this.#stale.delete(source);
    };
    if (!hasChanged) {
      done();
      return undefined;
    }
    const body = JSON.stringify({ format, sources: Object.fromEntries(recorded) } satisfies StoredBody);
    const written = (): void => {
      this.#recorded = recorded;
      done();
    };
    return { text: signedText(body, key), written };
  }

  #all(): ReadonlySet<string> {
    return new Set([...this.#files.keys(), ...this.#recorded.keys()]);
  }

  #isRecorded(source: string): boolean {
    return this.#recorded.get(source)?.digest === this.#summaryOf(source)?.digest;
  }

  #summaryOf(source: string): Summary | undefined {
    const files = this.#files.get(source);
    if (files === undefined) return undefined;
    const lines = [...files].map(([file, checksum]) => `${file} ${checksum}\n`).sort();
    return { files: files.size, digest: createHash('sha256').update(lines.join('')).digest('hex') };
  }
}
