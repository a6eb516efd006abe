import { clusterFederatedTrustDomains, meshTrusts, resource } from '../../client/api-object.ts';
import type { ApiObject, WatchedResource } from '../../client/api-object.ts';
import { asMapping } from '../../../text/json.ts';

/** A change of a MeshTrust, or of a ClusterFederatedTrustDomain, that a client requests. */
export type Change =
  | { readonly kind: 'create'; readonly object: ApiObject }
  | { readonly kind: 'update'; readonly object: ApiObject; readonly before: ApiObject }
  | { readonly kind: 'delete'; readonly before: ApiObject | undefined };

/** The content of a review. */
export type ReviewRequest =
  | { readonly kind: 'change'; readonly uid: string; readonly change: Change }
  /** Not a change of the text of such an object: another resource, its status, or another operation. */
  | { readonly kind: 'other'; readonly uid: string }
  | { readonly kind: 'malformed'; readonly reason: string };

/** The decision about a change. */
export type Verdict =
  | { readonly kind: 'allowed'; readonly warnings: readonly string[] }
  /** `causes`: the violations, each with its field if it has one. */
  | {
      readonly kind: 'refused';
      /** Name of the object. */
      readonly name: string;
      /** Default: a MeshTrust. */
      readonly kindOfObject?: { readonly group: string; readonly kind: string } | undefined;
      readonly message: string;
      readonly causes: readonly Cause[];
    };

/** One violation, in the form of meta/v1 StatusCause. */
interface Cause {
  readonly field?: string | undefined;
  readonly message: string;
}

const apiVersion = 'admission.k8s.io/v1';
const kind = 'AdmissionReview';

/** Parses an AdmissionReview of the API server. */
export function readReview(value: unknown): ReviewRequest {
  const review = asMapping(value);
  const request = asMapping(review?.['request']);
  const uid = request?.['uid'];
  if (review?.['kind'] !== kind || review['apiVersion'] !== apiVersion)
    return { kind: 'malformed', reason: `the request is not an ${kind} of ${apiVersion}` };
  if (request === undefined || typeof uid !== 'string' || uid === '')
    return { kind: 'malformed', reason: 'the request has no uid' };
  const about = asMapping(request['resource']);
  const watched = [meshTrusts, clusterFederatedTrustDomains].find(
    ({ group, plural }) => about?.['group'] === group && about['resource'] === plural,
  );
  if (watched === undefined || isPresent(request['subResource'])) return { kind: 'other', uid };
  return readChange(uid, request, watched);
}

function readChange(
  uid: string,
  request: Readonly<Record<string, unknown>>,
  { read }: WatchedResource,
): ReviewRequest {
  const [object, before] = [read(request['object']), read(request['oldObject'])];
  switch (request['operation']) {
    case 'CREATE':
      if (object === undefined) return { kind: 'malformed', reason: 'the CREATE has no object' };
      return { kind: 'change', uid, change: { kind: 'create', object } };
    case 'UPDATE':
      if (object === undefined || before === undefined)
        return { kind: 'malformed', reason: 'the UPDATE has no new or no old object' };
      return { kind: 'change', uid, change: { kind: 'update', object, before } };
    case 'DELETE':
      return { kind: 'change', uid, change: { kind: 'delete', before } };
    default:
      return { kind: 'other', uid };
  }
}

/** Renders the response to a review. */
export function renderReview(uid: string, verdict: Verdict): object {
  return { apiVersion, kind, response: { uid, ...responseOf(verdict) } };
}

function responseOf(verdict: Verdict): object {
  switch (verdict.kind) {
    case 'allowed':
      return verdict.warnings.length === 0
        ? { allowed: true }
        : { allowed: true, warnings: verdict.warnings };
    case 'refused': {
      const {
        name,
        message,
        causes,
        kindOfObject: { group, kind: of } = { group: resource.group, kind: resource.kind },
      } = verdict;
      const details = { group, kind: of, name, causes };
      return { allowed: false, status: { code: 422, reason: 'Invalid', message, details } };
    }
  }
}

function isPresent(value: unknown): boolean {
  return value != null && value !== '';
}
