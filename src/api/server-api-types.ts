import type { ReadyAnswer } from './api-types.ts';

/** `GET /api/v1/server`: the process itself. New releases only add fields. */
export interface ServerDetail {
  /** Version of meshtrust. */
  readonly version: string;
  /** Address of the documentation of this version, with a slash at its end. */
  readonly documentation?: string | undefined;
  /** The time of the answer, by the clock of the server. Absent in earlier versions. */
  readonly at?: string | undefined;
  /** When the process started. */
  readonly startedAt?: string | undefined;
  /** True if the server has a bundle endpoint (`--bundle-listen`). */
  readonly publishesBundles?: boolean | undefined;
  /** The same as in `/readyz`. */
  readonly readiness: ReadyAnswer;
  readonly sources: readonly SourceDetail[];
  /** How proxies authenticate. Absent in earlier versions. */
  readonly xdsAuthentication?: XdsAuthenticationDetail | undefined;
}

/** How proxies authenticate. */
export interface XdsAuthenticationDetail {
  /** `mtls`, `token` and `none`: any one suffices. */
  readonly methods: readonly string[];
  /** True if other machines can reach the xDS port. */
  readonly beyondHost: boolean;
  /** True if rules say which mesh and node id a client may have. */
  readonly rules: boolean;
  /** The meshes for which every rule limits the node ids of its clients. Absent in earlier versions. */
  readonly meshesWithNodeRules?: readonly string[] | undefined;
  /** Age at which connections are closed, so that clients are judged again, in seconds; 0 for never. */
  readonly connectionAgeSeconds: number;
  /** Age at which the clients of open streams are judged again, in seconds; 0 for never. Absent in earlier versions. */
  readonly streamAgeSeconds?: number | undefined;
  /** The shortest life of the tokens that were accepted, in seconds. Absent if no token was. */
  readonly tokenLifeSeconds?: number | undefined;
}

/** `GET /api/v1/distrust/{hash}`: whether the distrust list in force contains a hash. New releases only add fields. */
export interface DistrustDetail {
  readonly hash: string;
  /** True if the server follows a list (`--distrust`). */
  readonly followed: boolean;
  /** True if an entry of the list in force is the hash or a prefix of it. */
  readonly listed: boolean;
}

/** A source of resources. */
interface SourceDetail {
  readonly name: string;
  /** True after its first complete read. */
  readonly synced: boolean;
  /** True if it gives the resources that an earlier run kept, until it is `synced`. */
  readonly restored: boolean;
  /** Number of resources in force. */
  readonly accepted: number;
  /** Number of files or objects whose newest version is not served; findings give the reasons. */
  readonly rejected: number;
  /** The first places that cannot be read, with the reasons. */
  readonly failure?: string | undefined;
}
