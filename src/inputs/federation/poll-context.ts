import type { DocumentEffect } from '../../trust/federation/accept-document.ts';
import type { PollTimes } from '../../trust/federation/poll-view.ts';
import type { Relationship } from '../../trust/federation/relationship.ts';
import type { FetchFailure } from '../../trust/federation/relationship-status.ts';
import type { StoredBundle } from '../../trust/federation/stored-bundle.ts';
import type { TrustDomain } from '../../trust/model/mesh-trust.ts';
import type { SourceEvent } from '../../trust/source.ts';
import type { BundleRequest, BundleResponse } from './fetch-bundle.ts';
import type { Lanes } from './poll-lanes.ts';

/** The dependencies that all polls share. */
export interface PollContext extends PollTimes {
  readonly fetch: (request: BundleRequest) => Promise<BundleResponse>;
  readonly clock: {
    readonly wall: () => number;
    readonly monotonic: () => number;
    readonly after: (milliseconds: number, callback: () => void) => () => void;
  };
  readonly lanes: Lanes;
  readonly userAgent: string;
  readonly maxBytes: number;
  readonly maxCertificates: number;
  readonly denyPrivate: boolean;
  /** Returns the certificates (PEM) that are trusted for `https_web`, beside the roots of Node.js. */
  readonly webCas: () => readonly string[];
  readonly trusted: (mesh: string, trustDomain: TrustDomain) => readonly Uint8Array[];
  readonly isDistrusted: (der: Uint8Array) => boolean;
  readonly deliver: (event: SourceEvent) => void;
  readonly save: (bundle: StoredBundle) => void;
  /** Called for each relationship that is gone, and for those of an earlier run that turn out to be gone. */
  readonly forget: (key: string) => void;
  readonly onFetch: (fetched: FetchReport) => void;
  /** Called after each change of a status that findings or readiness depend on. */
  readonly onChange: () => void;
}

/** One fetch, for the log and metrics. */
export interface FetchReport {
  readonly relationship: Relationship;
  readonly result: DocumentEffect | FetchFailure['reason'];
  readonly error: FetchFailure | undefined;
  /** True if the fetch before did not have this result. */
  readonly isNews: boolean;
  readonly milliseconds: number;
}
