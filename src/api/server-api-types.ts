import type { ReadyAnswer } from './api-types.ts';

/** `GET /api/v1/server`: the process itself. Fields are only ever added. */
export interface ServerDetail {
  /** Version of meshtrust. */
  readonly version: string;
  /** As `/readyz` says it. */
  readonly readiness: ReadyAnswer;
  readonly sources: readonly SourceDetail[];
}

/** `GET /api/v1/distrust/{hash}`: whether the distrust list in force has a hash. Fields are only ever added. */
export interface DistrustDetail {
  readonly hash: string;
  /** The server follows a list (`--distrust`). */
  readonly followed: boolean;
  /** An entry of the list in force is the hash, or a prefix of it. */
  readonly listed: boolean;
}

/** What resources are read from. */
export interface SourceDetail {
  readonly name: string;
  /** Its first complete read is done. */
  readonly synced: boolean;
  /** It gives what an earlier run kept of it, as long as it is not `synced`. */
  readonly restored: boolean;
  /** Resources in force. */
  readonly accepted: number;
  /** Files or objects whose newest version is not what is served; findings say why. */
  readonly rejected: number;
  /** The first of the places that cannot be read, with the reason. */
  readonly failure?: string | undefined;
}
