/** The resources of one type in a store, as name to version. The body of a resource is `name@version`. */
export type Contents = Readonly<Record<string, string>>;

export type TypeName = 'secret' | 'route' | 'cluster' | 'unserved';

/** The action of a step in a scripted conversation. */
export type Action =
  | { readonly kind: 'set'; readonly contents: Contents; readonly wildcard: readonly string[] | undefined }
  | {
      readonly kind: 'delta';
      readonly subscribe: readonly string[];
      readonly unsubscribe: readonly string[];
      readonly quotes: Contents;
    }
  /** The version is by default that of the last response, as Envoy sends it. */
  | { readonly kind: 'names'; readonly names: readonly string[]; readonly version: string | undefined }
  | { readonly kind: 'ack'; readonly names: readonly string[] | undefined }
  | { readonly kind: 'ack-latest' }
  | { readonly kind: 'nack' }
  | { readonly kind: 'answer-unsent'; readonly error: boolean }
  | { readonly kind: 'nack-again'; readonly names: readonly string[] | undefined }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'reconnect'; readonly node: string };

/** A step, with its expected responses and events. */
export interface Step {
  readonly action: Action;
  readonly type: TypeName;
  readonly gets: readonly string[];
  readonly reports: readonly string[];
}

/** A conversation. Its name is the name of a test. */
export interface Conversation {
  readonly name: string;
  /** True if it needs several types on one stream. */
  readonly aggregated: boolean;
  readonly steps: readonly Step[];
}

/**
 * Creates a step. `gets` lists the expected responses in order: `a@1` for a resource, `-a` for a removal,
 * separated by blanks if one response has several, `(empty)` if it has none. `reports` lists the expected events,
 * without plain requests and confirmed ACKs: `nack a@2`, `stale`, `holds a@1`, and with a question mark the
 * unconfirmed ones: `ack? a@2`, `holds? a@2`.
 */
export function step(action: Action, gets: readonly string[] = [], reports: readonly string[] = []): Step {
  return { action, type: 'secret', gets, reports };
}

/** The same step, for another type than Secret. */
export function of(type: TypeName, given: Step): Step {
  return { ...given, type };
}

/** A conversation that any service supports. */
export function conversation(name: string, ...steps: readonly Step[]): Conversation {
  return { name, aggregated: false, steps };
}

/** A conversation with several types, or with other types than Secret. */
export function aggregated(name: string, ...steps: readonly Step[]): Conversation {
  return { name, aggregated: true, steps };
}

/** Replaces all resources of the type. */
export function set(contents: Contents, wildcard?: readonly string[]): Action {
  return { kind: 'set', contents, wildcard };
}

export function subscribe(...names: readonly string[]): Action {
  return { kind: 'delta', subscribe: names, unsubscribe: [], quotes: {} };
}

export function unsubscribe(...names: readonly string[]): Action {
  return { kind: 'delta', subscribe: [], unsubscribe: names, quotes: {} };
}

/** Subscribes, and quotes versions from an earlier stream. */
export function quoting(quotes: Contents, ...names: readonly string[]): Action {
  return { kind: 'delta', subscribe: names, unsubscribe: [], quotes };
}

/** A SotW request with the version and the nonce of the last response on the stream. */
export function names(...all: readonly string[]): Action {
  return { kind: 'names', names: all, version: undefined };
}

/** A SotW request that quotes a version; `last` is that of the last acknowledged response. */
export function namesAt(version: string, ...all: readonly string[]): Action {
  return { kind: 'names', names: all, version };
}

/** Acknowledges the oldest response that has no ACK or NACK yet. */
export const ack: Action = { kind: 'ack', names: undefined };

/** The same, with a change of the SotW subscription. */
export function ackWith(...all: readonly string[]): Action {
  return { kind: 'ack', names: all };
}

/** Acknowledges the newest response first. */
export const ackLatest: Action = { kind: 'ack-latest' };
/** Rejects the oldest response that has no ACK or NACK yet. */
export const nack: Action = { kind: 'nack' };
/** Acknowledges a response that was never sent. */
export const ackUnsent: Action = { kind: 'answer-unsent', error: false };
export const nackUnsent: Action = { kind: 'answer-unsent', error: true };
/** Rejects again the response that was acknowledged or rejected last. */
export const nackAgain: Action = { kind: 'nack-again', names: undefined };

/** The same, with a change of the SotW subscription. */
export function nackAgainWith(...all: readonly string[]): Action {
  return { kind: 'nack-again', names: all };
}

export function wait(ms: number): Action {
  return { kind: 'wait', ms };
}

/** Opens a new stream, by default of the same node. */
export function reconnect(node = 'node-1'): Action {
  return { kind: 'reconnect', node };
}
