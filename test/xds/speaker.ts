import type { DeltaResponse, SotwResponse } from './codec.ts';
import type { Action, TypeName } from './step.ts';
import { tellDelta, tellSotw, urlOf } from './vocabulary.ts';

/** A response in words, with what an answer to it needs. */
export interface Heard {
  readonly said: string;
  readonly nonce: string;
  readonly version: string;
}

export function hearDelta(response: DeltaResponse): Heard {
  return { said: tellDelta(response), nonce: response.nonce, version: response.system_version_info };
}

export function hearSotw(response: SotwResponse): Heard {
  return { said: tellSotw(response), nonce: response.nonce, version: response.version_info };
}

/** The client's side of a conversation: turns what is done into requests as Envoy would send them. */
export interface Speaker {
  /** The request of an action, as the loader's message; undefined for actions that send none. */
  request(action: Action, type: TypeName): object | undefined;
  /** Takes a response note of, whose type is known by its URL. */
  heard(typeUrl: string, response: Heard): void;
  /** Starts over on a new stream, keeping what was accepted. */
  reconnect(node: string): void;
}

interface TypeMemory {
  names: readonly string[];
  lastNonce: string;
  lastAnswered: string;
  unanswered: Heard[];
}

const refusal = { code: 13, message: 'Failed to load trusted CA certificate' };

/** Makes the client's side; the node goes with the first request of a stream. */
export function createSpeaker(protocol: 'delta' | 'sotw'): Speaker {
  let node = 'node-1';
  let first = true;
  const accepted = new Map<string, string>();
  const types = new Map<string, TypeMemory>();

  function memoryOf(typeUrl: string): TypeMemory {
    const known = types.get(typeUrl);
    if (known !== undefined) return known;
    const memory: TypeMemory = { names: [], lastNonce: '', lastAnswered: '', unanswered: [] };
    types.set(typeUrl, memory);
    return memory;
  }

  function answer(typeUrl: string, memory: TypeMemory, error: boolean): object {
    const response = memory.unanswered.shift();
    if (response === undefined) throw new Error('the conversation answers a response that did not come');
    memory.lastAnswered = response.nonce;
    if (!error) accepted.set(typeUrl, response.version);
    return answering(typeUrl, memory, response.nonce, error);
  }

  function answering(typeUrl: string, memory: TypeMemory, nonce: string, error: boolean): object {
    return {
      response_nonce: nonce,
      ...(error ? { error_detail: refusal } : {}),
      ...(protocol === 'delta'
        ? {}
        : { resource_names: memory.names, version_info: accepted.get(typeUrl) ?? '' }),
    };
  }

  function body(action: Action, typeUrl: string, memory: TypeMemory): object | undefined {
    switch (action.kind) {
      case 'delta':
        return {
          resource_names_subscribe: action.subscribe,
          resource_names_unsubscribe: action.unsubscribe,
          initial_resource_versions: action.quotes,
        };
      case 'names': {
        memory.names = action.names;
        const last = memory.lastNonce === '' && action.version === undefined ? '' : accepted.get(typeUrl);
        const version = action.version === undefined || action.version === 'last' ? last : action.version;
        return {
          resource_names: action.names,
          version_info: version ?? '',
          response_nonce: memory.lastAnswered,
        };
      }
      case 'ack':
        memory.names = action.names ?? memory.names;
        return answer(typeUrl, memory, false);
      case 'nack':
        return answer(typeUrl, memory, true);
      case 'answer-unsent':
        return { ...answering(typeUrl, memory, 'never-sent', action.error), resource_names: [] };
      case 'nack-again':
        return answering(typeUrl, memory, memory.lastAnswered, true);
      case 'set':
      case 'wait':
      case 'reconnect':
        return undefined;
    }
  }

  return {
    request(action, type) {
      const typeUrl = urlOf[type];
      const fields = body(action, typeUrl, memoryOf(typeUrl));
      if (fields === undefined) return undefined;
      const sender = first ? { node: { id: node, cluster: 'test' } } : {};
      first = false;
      return { ...sender, type_url: typeUrl, ...fields };
    },
    heard(typeUrl, response) {
      const memory = memoryOf(typeUrl);
      memory.lastNonce = response.nonce;
      memory.unanswered.push(response);
    },
    reconnect(as) {
      node = as;
      first = true;
      types.clear();
    },
  };
}
