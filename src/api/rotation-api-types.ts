import type { GateCode, GateId } from '../trust/rotation/gate-catalogue.ts';
import type { RotationState } from '../trust/rotation/state.ts';

/** `GET /api/v1/meshes/{mesh}/rotations`: the rotations of CA certificates in a mesh. New releases only add fields. */
export interface RotationList {
  readonly rotations: readonly RotationDetail[];
}

/** One rotation, and the gates of its next step. Times are RFC 3339 in UTC. */
export interface RotationDetail {
  readonly mesh: string;
  readonly trustDomain: string;
  /** The MeshTrust with the annotations: `mesh/namespace/name`. */
  readonly resource: string;
  /** The file or object with the MeshTrust. */
  readonly place?: string | undefined;
  /** True if Kuma owns the MeshTrust, and would list a removed CA again. Absent in earlier versions. */
  readonly owned?: boolean | undefined;
  readonly state: RotationState;
  /** SHA-256 of the certificate that is replaced, and of the one that replaces it. */
  readonly old: string;
  readonly new: string;
  /** When `start` listed the new CA; `unknown` if the annotation cannot be read. */
  readonly startedAt?: string | undefined;
  readonly switchedAt?: string | undefined;
  /** When the issuer was switched back; `unknown` if the annotation cannot be read. */
  readonly backAt?: string | undefined;
  readonly leafTtlSeconds?: number | undefined;
  /** When no leaf of the old CA can be valid any more, as far as the annotations say. */
  readonly earliestFinish?: string | undefined;
  /** After `back`: when no leaf of the new CA can be valid any more, as far as the annotations say. */
  readonly earliestAbort?: string | undefined;
  /** The commands that passed gates by force; absent if there are none. */
  readonly forced?: readonly ForcedDetail[] | undefined;
  /** What access logs say about clients; absent if there are none. It can refuse a step, and never allow one. */
  readonly seen?: SeenClients | undefined;
  readonly gates: readonly GateDetail[];
  readonly next: NextStep;
  /** The CA certificates that the MeshTrust lists. */
  readonly listed: readonly ListedCa[];
}

export interface GateDetail {
  readonly id: GateId;
  readonly code: GateCode;
  readonly open: boolean;
  readonly detail: string;
}

/** A command that passed gates by force. */
export interface ForcedDetail {
  /** RFC 3339 in UTC. */
  readonly at: string;
  readonly command: string;
  readonly gates: readonly {
    readonly id: string;
    /** Absent for a gate that this version does not know. */
    readonly code?: GateCode | undefined;
  }[];
}

/** When access logs had clients with leaves of each CA. Times are RFC 3339 in UTC. */
export interface SeenClients {
  readonly old?: string | undefined;
  readonly new?: string | undefined;
  /** True if clients with leaves of the old CA would have been seen during the whole window. */
  readonly complete: boolean;
}

/** The command that follows, and whether all of its gates are open. */
interface NextStep {
  readonly command: string;
  readonly allowed: boolean;
}

interface ListedCa {
  readonly fingerprint: string;
  readonly keyHash: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: string;
  readonly notAfter: string;
}
