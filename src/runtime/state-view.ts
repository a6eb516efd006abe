import type { Finding } from '../trust/findings/finding.ts';
import type { LedgerView } from '../trust/ledger/ledger.ts';
import type { Readiness } from '../trust/ledger/readiness.ts';
import type { MeshChange } from '../trust/snapshot/diff.ts';
import type { MeshStates } from '../trust/snapshot/mesh-builder.ts';

/** The state of the program at one moment, as far as metrics and the admin API show it. */
export interface StateView {
  readonly readiness: Readiness;
  readonly ledger: Pick<LedgerView, 'sources' | 'held'>;
  readonly meshes: MeshStates;
  readonly findings: readonly Finding[];
}

/** How a change came about. Times are monotonic milliseconds. */
export interface ChangeWork {
  /** Files or objects that were read for it, the first of them. */
  readonly paths: readonly string[];
  /** How many there were. */
  readonly texts: number;
  /** From the first text to the last, and how long of it went into parsing; undefined where none was read. */
  readonly parse:
    { readonly startedAt: number; readonly endedAt: number; readonly busyMs: number } | undefined;
  readonly build: { readonly startedAt: number; readonly endedAt: number };
}

/** A change of the state. `served` comes with the first state that is served, and with each that differs. */
export type StateEvent =
  | { readonly kind: 'readiness'; readonly readiness: Readiness }
  /** `since`: when the first cause of the change came in, epoch milliseconds. */
  | {
      readonly kind: 'served';
      readonly states: MeshStates;
      readonly changes: readonly MeshChange[];
      readonly since: number;
      readonly work: ChangeWork;
    }
  | {
      readonly kind: 'findings';
      readonly appeared: readonly Finding[];
      readonly resolved: readonly Finding[];
    }
  /** What the source's files or objects give changed: their last good state is to be kept. */
  | { readonly kind: 'granted'; readonly source: string; readonly paths: readonly string[] };
