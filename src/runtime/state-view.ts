import type { ForcedRotation } from './forced-steps.ts';
import type { Finding } from '../trust/findings/finding.ts';
import type { LedgerView } from '../trust/ledger/ledger.ts';
import type { Readiness } from '../trust/ledger/readiness.ts';
import type { MeshChange } from '../trust/snapshot/diff.ts';
import type { MeshStates } from '../trust/snapshot/mesh-builder.ts';

/** The state of the program as metrics and the admin API show it. */
export interface StateView {
  readonly readiness: Readiness;
  readonly ledger: Pick<LedgerView, 'sources' | 'held'> & Partial<Pick<LedgerView, 'rotating'>>;
  readonly meshes: MeshStates;
  readonly findings: readonly Finding[];
}

/** The work that led to a change. Times are monotonic milliseconds. */
export interface ChangeWork {
  /** The first files or objects that were read for it. */
  readonly paths: readonly string[];
  /** Number of files or objects that were read for it. */
  readonly texts: number;
  /** From the first text to the last, and the time that parsing took; undefined if no text was read. */
  readonly parse:
    { readonly startedAt: number; readonly endedAt: number; readonly busyMs: number } | undefined;
  readonly build: { readonly startedAt: number; readonly endedAt: number };
}

/** A change of the state. `served` is sent for the first served state, and for each that differs. */
export type StateEvent =
  /** Resources changed without an effect on what is served, for example those that list a CA. */
  | { readonly kind: 'updated'; readonly states: MeshStates }
  | { readonly kind: 'readiness'; readonly readiness: Readiness }
  /** `since`: when the first cause of the change arrived, in epoch milliseconds. */
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
  /** Commands of rotations that passed gates by force: at first all that are recorded, and then each new one. */
  | { readonly kind: 'forced'; readonly rotations: readonly ForcedRotation[] }
  /** The grants of these files or objects changed, so their last good state must be kept. */
  | { readonly kind: 'granted'; readonly source: string; readonly paths: readonly string[] };
