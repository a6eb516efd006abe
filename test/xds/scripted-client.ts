import type { DeltaResponse, SotwResponse } from './codec.ts';
import type { Action, TypeName } from './step.ts';
import { describeDelta, describeSotw, urlOf } from './vocabulary.ts';

/** A response in the notation of conversations, with the fields that its ACK needs. */
export interface ReadResponse {
  readonly summary: string;
  readonly nonce: string;
  readonly version: string;
}

export function readDelta(response: DeltaResponse): ReadResponse {
  return { summary: describeDelta(response), nonce: response.nonce, version: response.system_version_info };
}

export function readSotw(response: SotwResponse): ReadResponse {
  return { summary: describeSotw(response), nonce: response.nonce, version: response.version_info };
}

/** The client of a conversation: converts actions to requests as Envoy would send them. */
export interface ScriptedClient {
  /** Returns the request of an action, in the loader's form; `undefined` for an action without a request. */
  request(action: Action, type: TypeName): object | undefined;
  /** Records a response of the type. */
  received(typeUrl: string, response: ReadResponse): void;
  /** Starts a new stream. Accepted versions are kept. */
  reconnect(node: string): void;
}

interface TypeHistory {
  names: readonly string[];
  lastNonce: string;
  lastAcked: string;
  unanswered: ReadResponse[];
}

const errorDetail = { code: 13, message: 'Failed to load trusted CA certificate' };

/** Creates the client. The first request of each stream contains the node. */
export function createScriptedClient(protocol: 'delta' | 'sotw'): ScriptedClient {
  let node = 'node-1';
  let first = true;
  const accepted = new Map<string, string>();
  const types = new Map<string, TypeHistory>();

  function historyOf(typeUrl: string): TypeHistory {
    const known = types.get(typeUrl);
    if (known !== undefined) return known;
    const history: TypeHistory = { names: [], lastNonce: '', lastAcked: '', unanswered: [] };
    types.set(typeUrl, history);
    return history;
  }

  function ackNext(typeUrl: string, history: TypeHistory, error: boolean): object {
    const response = history.unanswered.shift();
    if (response === undefined) throw new Error('the conversation answers a response that did not come');
    history.lastAcked = response.nonce;
    if (!error) accepted.set(typeUrl, response.version);
    return ackFields(typeUrl, history, response.nonce, error);
  }

  function ackFields(typeUrl: string, history: TypeHistory, nonce: string, error: boolean): object {
    return {
      response_nonce: nonce,
      ...(error ? { error_detail: errorDetail } : {}),
      ...(protocol === 'delta'
        ? {}
        : { resource_names: history.names, version_info: accepted.get(typeUrl) ?? '' }),
    };
  }

  function body(action: Action, typeUrl: string, history: TypeHistory): object | undefined {
    switch (action.kind) {
      case 'delta':
        return {
          resource_names_subscribe: action.subscribe,
          resource_names_unsubscribe: action.unsubscribe,
          initial_resource_versions: action.quotes,
        };
      case 'names': {
        history.names = action.names;
        const last = history.lastNonce === '' && action.version === undefined ? '' : accepted.get(typeUrl);
        const version = action.version === undefined || action.version === 'last' ? last : action.version;
        return {
          resource_names: action.names,
          version_info: version ?? '',
          response_nonce: history.lastAcked,
        };
      }
      case 'ack':
        history.names = action.names ?? history.names;
        return ackNext(typeUrl, history, false);
      case 'ack-latest':
        history.unanswered.unshift(...history.unanswered.splice(-1));
        return ackNext(typeUrl, history, false);
      case 'nack':
        return ackNext(typeUrl, history, true);
      case 'answer-unsent':
        return { ...ackFields(typeUrl, history, 'never-sent', action.error), resource_names: [] };
      case 'nack-again':
        history.names = action.names ?? history.names;
        return ackFields(typeUrl, history, history.lastAcked, true);
      case 'set':
      case 'wait':
      case 'reconnect':
        return undefined;
    }
  }

  return {
    request(action, type) {
      const typeUrl = urlOf[type];
      const fields = body(action, typeUrl, historyOf(typeUrl));
      if (fields === undefined) return undefined;
      const nodeField = first ? { node: { id: node, cluster: 'test' } } : {};
      first = false;
      return { ...nodeField, type_url: typeUrl, ...fields };
    },
    received(typeUrl, response) {
      const history = historyOf(typeUrl);
      history.lastNonce = response.nonce;
      history.unanswered.push(response);
    },
    reconnect(nextNode) {
      node = nextNode;
      first = true;
      types.clear();
    },
  };
}
