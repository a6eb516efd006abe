/** What a store holds of one type, as name to version; the body of a resource is `name@version`. */
export type Contents = Readonly<Record<string, string>>;

export type TypeName = 'secret' | 'route' | 'cluster' | 'unserved';

/** What happens in one step of a scripted conversation. */
export type Action =
  | { readonly kind: 'set'; readonly contents: Contents; readonly wildcard: readonly string[] | undefined }
  | {
      readonly kind: 'delta';
      readonly subscribe: readonly string[];
      readonly unsubscribe: readonly string[];
      readonly quotes: Contents;
    }
  /** The version is that of the last response, as Envoy sends it, unless another is given. */
  | { readonly kind: 'names'; readonly names: readonly string[]; readonly version: string | undefined }
  | { readonly kind: 'ack'; readonly names: readonly string[] | undefined }
  | { readonly kind: 'nack' }
  | { readonly kind: 'answer-unsent'; readonly error: boolean }
  | { readonly kind: 'nack-again' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'reconnect'; readonly node: string };

/** A step, with all that it brings. */
export interface Step {
  readonly action: Action;
  readonly type: TypeName;
  readonly gets: readonly string[];
  readonly reports: readonly string[];
}

/** A conversation with a sentence for a name. */
export interface Conversation {
  readonly name: string;
  /** Needs several types on one stream. */
  readonly aggregated: boolean;
  readonly steps: readonly Step[];
}

/**
 * A step. `gets` is every response that it brings, in order: `a@1` a resource, `-a` one told as removed,
 * joined by blanks where one response carries several, `(empty)` where none. `reports` is every event but
 * plain requests and plain acknowledgements: `nack a@2`, `stale`, `holds a@1`, and with a question mark what
 * proves nothing: `ack? a@2`, `holds? a@2`.
 */
export function step(action: Action, gets: readonly string[] = [], reports: readonly string[] = []): Step {
  return { action, type: 'secret', gets, reports };
}

/** The same step, of another type than Secret. */
export function of(type: TypeName, given: Step): Step {
  return { ...given, type };
}

/** A conversation that any service can have. */
export function conversation(name: string, ...steps: readonly Step[]): Conversation {
  return { name, aggregated: false, steps };
}

/** A conversation about several types, or about others than Secret. */
export function aggregated(name: string, ...steps: readonly Step[]): Conversation {
  return { name, aggregated: true, steps };
}

/** The store's whole content of the type. */
export function set(contents: Contents, wildcard?: readonly string[]): Action {
  return { kind: 'set', contents, wildcard };
}

export function subscribe(...names: readonly string[]): Action {
  return { kind: 'delta', subscribe: names, unsubscribe: [], quotes: {} };
}

export function unsubscribe(...names: readonly string[]): Action {
  return { kind: 'delta', subscribe: [], unsubscribe: names, quotes: {} };
}

/** Subscribes, and says what is held from an earlier stream. */
export function quoting(quotes: Contents, ...names: readonly string[]): Action {
  return { kind: 'delta', subscribe: names, unsubscribe: [], quotes };
}

/** A SotW request, with the version and the nonce of the last response on the stream. */
export function names(...all: readonly string[]): Action {
  return { kind: 'names', names: all, version: undefined };
}

/** A SotW request that quotes a version: `last` is that of the last response that was acknowledged. */
export function namesAt(version: string, ...all: readonly string[]): Action {
  return { kind: 'names', names: all, version };
}

/** Acknowledges the oldest response that is not answered yet. */
export const ack: Action = { kind: 'ack', names: undefined };

/** The same, and changes the SotW subscription with it. */
export function ackWith(...all: readonly string[]): Action {
  return { kind: 'ack', names: all };
}

/** Refuses the oldest response that is not answered yet. */
export const nack: Action = { kind: 'nack' };
/** Answers a response that was never sent. */
export const ackUnsent: Action = { kind: 'answer-unsent', error: false };
export const nackUnsent: Action = { kind: 'answer-unsent', error: true };
/** Refuses once more what was answered last. */
export const nackAgain: Action = { kind: 'nack-again' };

export function wait(ms: number): Action {
  return { kind: 'wait', ms };
}

/** A new stream, of the same node unless another is named. */
export function reconnect(node = 'node-1'): Action {
  return { kind: 'reconnect', node };
}
