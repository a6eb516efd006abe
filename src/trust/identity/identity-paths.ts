import { compareText } from '../../text/compare-text.ts';
import type { LedgerEvent } from '../ledger/ledger.ts';
import type { Identity } from '../model/mesh-trust.ts';
import { identityFilesSource } from './ca-files.ts';
import { hasMaterial, indexDocuments } from './derivation-index.ts';
import type { Version } from './derivation-index.ts';
import type { DerivedIdentity } from './derive-identity.ts';
import { restoredGiven } from './given.ts';
import type { Given } from './given.ts';

/** One file, or one object of the cluster. */
export interface PathState {
  readonly source: string;
  readonly path: string;
  /** The newest version that could be parsed. */
  version: Version | undefined;
  /** True if a newer version could not be read or parsed: then `version` is the last good one, and stays in force. */
  rejected: boolean;
  /** True if it may have a MeshIdentity of which nothing is known, because no version of it could be read. */
  isUnread: boolean;
  /** False while only an earlier run is known to have read it. */
  confirmed: boolean;
  /** The MeshTrusts of each MeshIdentity in the last settled version. */
  given: ReadonlyMap<Identity, Given>;
  outcomes: ReadonlyMap<Identity, Pick<DerivedIdentity, 'outcome' | 'kri' | 'trustDomains' | 'awaited'>>;
}

/** Returns whether a path is that of a MeshIdentity of the cluster. Kuma publishes nothing for those in files. */
export function isClusterPath(path: string): boolean {
  return path.startsWith('kubernetes:meshidentity:');
}

/** The newest version of each file and object, and what was derived from it. */
export class IdentityPaths {
  readonly #states = new Map<string, PathState>();
  /** `undefined` after a change of what derivations need. */
  #index: ReturnType<typeof indexDocuments> | undefined;

  /**
   * Updates the states by the events of a source. Returns whether anything changed that derivations of other paths may
   * need, and the states that are gone.
   */
  update(
    source: string,
    events: readonly LedgerEvent[],
  ): { readonly isMaterial: boolean; readonly gone: readonly PathState[] } {
    let isMaterial = false;
    const gone: PathState[] = [];
    const forget = (state: PathState): void => {
      this.#states.delete(keyOf(source, state.path));
      gone.push(state);
    };
    for (const event of events) {
      switch (event.kind) {
        case 'version': {
          const state = this.#stateOf(source, event.path);
          state.confirmed = true;
          state.rejected = event.parsed.kind === 'refused';
          if (event.parsed.kind === 'refused') {
            state.isUnread ||= isNew(state);
            break;
          }
          isMaterial ||= hasMaterial(event.parsed) || isMaterialState(state);
          state.version = { parsed: event.parsed, settled: event.settled };
          break;
        }
        case 'unreadable': {
          const state = this.#stateOf(source, event.path);
          state.confirmed = true;
          state.rejected = true;
          state.isUnread ||= isNew(state);
          break;
        }
        case 'gone': {
          const state = this.get(source, event.path);
          if (state === undefined) break;
          isMaterial ||= isMaterialState(state);
          forget(state);
          break;
        }
        case 'restored':
          this.#stateOf(source, event.path).given = restoredGiven(event.grants);
          break;
        case 'synced':
          // The ledger withdraws restored paths that the source no longer has, without an event for each.
          for (const state of this.all()) if (state.source === source && !state.confirmed) forget(state);
          break;
        case 'kept': {
          const state = this.get(source, event.path);
          if (state !== undefined) state.confirmed = true;
          break;
        }
        case 'failed':
        case 'recovered':
          break;
      }
    }
    if (isMaterial) this.#index = undefined;
    return { isMaterial, gone };
  }

  get(source: string, path: string): PathState | undefined {
    return this.#states.get(keyOf(source, path));
  }

  all(): Iterable<PathState> {
    return this.#states.values();
  }

  /** Returns the documents of all paths, by what derivations need of them. */
  index(): ReturnType<typeof indexDocuments> {
    return (this.#index ??= this.#indexAll());
  }

  #indexAll(): ReturnType<typeof indexDocuments> {
    const sorted = [...this.all()].toSorted((a, b) => compareText(a.path, b.path));
    const [files, others] = [true, false].map((isFile) =>
      sorted
        .filter(({ source }) => (source === identityFilesSource) === isFile)
        .flatMap(({ version }) => version ?? []),
    );
    return indexDocuments(others ?? [], files ?? []);
  }

  #stateOf(source: string, path: string): PathState {
    const known = this.get(source, path);
    if (known !== undefined) return known;
    const state: PathState = {
      source,
      path,
      version: undefined,
      rejected: false,
      isUnread: false,
      confirmed: false,
      given: new Map(),
      outcomes: new Map(),
    };
    this.#states.set(keyOf(source, path), state);
    return state;
  }
}

/** Returns whether nothing is known of a path, from this run or an earlier one. */
function isNew({ version, given }: PathState): boolean {
  return version === undefined && given.size === 0;
}

function isMaterialState({ version }: PathState): boolean {
  return version !== undefined && hasMaterial(version.parsed);
}

function keyOf(source: string, path: string): string {
  return `${source}\0${path}`;
}
