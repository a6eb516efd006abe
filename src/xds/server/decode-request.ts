import type { MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader';
import type { DeltaRequest, ErrorDetail, Protocol, SotwRequest, XdsNode } from '../core/request.ts';
import { createNodeDecoder } from './decode-node.ts';
import { decodePlainDelta, decodePlainSotw, deltaLists, sotwLists } from './decode-plain.ts';
import { checkEntries } from './entry-limits.ts';
import type { EntryLimits } from './entry-limits.ts';
import { RepeatedAck } from './repeated-ack.ts';
import { loadProtos } from './package-definition.ts';

/** Decodes requests. Throws on bytes that are not a request. Without `wantsNode`, the node may be omitted. */
export interface RequestDecoder {
  readonly sotw: (bytes: Uint8Array, wantsNode: boolean) => SotwRequest;
  readonly delta: (bytes: Uint8Array, wantsNode: boolean) => DeltaRequest;
}

/** Field number of the node in the requests of each protocol. */
export const nodeFields = { sotw: 2, delta: 1 } as const satisfies Record<Protocol, number>;

/**
 * Maximum size of a request for the complete decoder, in bytes, if only some metadata fields are wanted. That
 * decoder creates an object for each field. No client sends a request that is both longer and not plain.
 */
const maxCompleteBytes = 64 * 1024;

export interface RequestDecoderOptions {
  /** Names of the metadata fields to read, if they are strings. Default: all fields, of every type. */
  readonly metadataNames?: readonly string[] | undefined;
  readonly definition?: PackageDefinition | undefined;
}

/** Creates a decoder that reads plain requests by hand, and all others with the complete decoder. */
export function createRequestDecoder({
  metadataNames,
  definition = loadProtos(),
}: RequestDecoderOptions = {}): RequestDecoder {
  const complete = createCompleteDecoder(definition);
  const decodeNode = nodeDecoder(definition, metadataNames);
  function bounded<Request>(decode: (bytes: Uint8Array, wantsNode: boolean) => Request) {
    return (bytes: Uint8Array, wantsNode: boolean): Request => {
      if (metadataNames !== undefined && bytes.length > maxCompleteBytes) {
        throw new Error('the request is too long for the complete decoder');
      }
      return decode(bytes, wantsNode);
    };
  }
  const acks = new RepeatedAck();
  const [allSotw, allDelta] = [bounded(complete.sotw), bounded(complete.delta)];
  return {
    sotw: (bytes, wantsNode) =>
      decodePlainSotw(asBuffer(bytes), wantsNode ? decodeNode : undefined) ?? allSotw(bytes, wantsNode),
    delta(bytes, wantsNode) {
      const buffer = asBuffer(bytes);
      if (wantsNode) return decodePlainDelta(buffer, decodeNode) ?? allDelta(bytes, true);
      const repeated = acks.find(buffer);
      if (repeated !== undefined) return repeated;
      const plain = decodePlainDelta(buffer, undefined);
      return plain === undefined ? allDelta(bytes, false) : acks.keep(buffer, plain);
    },
  };
}

/** Wraps a decoder. The result throws `TooManyEntries` for a request with a list above its limit. */
export function limitEntries({ sotw, delta }: RequestDecoder, limits: EntryLimits): RequestDecoder {
  return {
    sotw(bytes, wantsNode) {
      checkEntries(asBuffer(bytes), sotwLists, limits);
      return sotw(bytes, wantsNode);
    },
    delta(bytes, wantsNode) {
      checkEntries(asBuffer(bytes), deltaLists, limits);
      return delta(bytes, wantsNode);
    },
  };
}

function nodeDecoder(
  definition: PackageDefinition,
  metadataNames: readonly string[] | undefined,
): (bytes: Uint8Array) => XdsNode | undefined {
  if (metadataNames !== undefined) {
    const decode = createNodeDecoder(metadataNames);
    return (bytes) => decode(asBuffer(bytes));
  }
  const node = messageOf(definition, 'envoy.config.core.v3.Node');
  return (bytes) => nodeOf(node.deserialize(asBuffer(bytes)) as RawNode);
}

/** Creates a decoder from the proto files. It is the reference for the hand-written one. */
export function createCompleteDecoder(definition: PackageDefinition = loadProtos()): RequestDecoder {
  const sotw = messageOf(definition, 'envoy.service.discovery.v3.DiscoveryRequest');
  const delta = messageOf(definition, 'envoy.service.discovery.v3.DeltaDiscoveryRequest');
  return {
    sotw(bytes) {
      const raw = sotw.deserialize(asBuffer(bytes)) as RawSotwRequest;
      return {
        kind: 'sotw',
        node: nodeOf(raw.node),
        typeUrl: raw.type_url,
        names: raw.resource_names,
        version: raw.version_info,
        nonce: raw.response_nonce,
        error: errorOf(raw.error_detail),
      };
    },
    delta(bytes) {
      const raw = delta.deserialize(asBuffer(bytes)) as RawDeltaRequest;
      return {
        kind: 'delta',
        node: nodeOf(raw.node),
        typeUrl: raw.type_url,
        subscribe: raw.resource_names_subscribe,
        unsubscribe: raw.resource_names_unsubscribe,
        initialVersions: new Map(Object.entries(raw.initial_resource_versions)),
        nonce: raw.response_nonce,
        error: errorOf(raw.error_detail),
      };
    },
  };
}

function messageOf(definition: PackageDefinition, name: string): MessageTypeDefinition<object, object> {
  const message = definition[name];
  if (message === undefined || !('deserialize' in message)) throw new Error(`no message ${name} in proto/`);
  return message as MessageTypeDefinition<object, object>;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function nodeOf(raw: RawNode | null): XdsNode | undefined {
  if (raw === null) return undefined;
  return {
    id: raw.id,
    cluster: raw.cluster,
    metadata: raw.metadata === null ? {} : jsonOfStruct(raw.metadata),
    userAgentName: raw.user_agent_name,
    userAgentVersion: raw.user_agent_version ?? versionOf(raw.user_agent_build_version?.version),
  };
}

function versionOf(version: RawSemanticVersion | null | undefined): string {
  return version ? `${version.major_number}.${version.minor_number}.${version.patch}` : '';
}

function errorOf(raw: ErrorDetail | null): ErrorDetail | undefined {
  return raw === null ? undefined : { code: raw.code, message: raw.message };
}

/** Converts a Struct to a JSON object. The client chooses the keys, so the object has no prototype. */
function jsonOfStruct(struct: RawStruct): Record<string, unknown> {
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(struct.fields)) object[key] = jsonOfValue(value);
  return object;
}

function jsonOfValue(value: RawValue): unknown {
  switch (value.kind) {
    case 'numberValue':
      return value.numberValue;
    case 'stringValue':
      return value.stringValue;
    case 'boolValue':
      return value.boolValue;
    case 'structValue':
      return jsonOfStruct(value.structValue);
    case 'listValue':
      return value.listValue.values.map(jsonOfValue);
    case 'nullValue':
    case undefined:
      return null;
  }
}

// The messages as proto-loader decodes them with our options. Absent messages are null.

interface RawSotwRequest {
  readonly version_info: string;
  readonly node: RawNode | null;
  readonly resource_names: readonly string[];
  readonly type_url: string;
  readonly response_nonce: string;
  readonly error_detail: ErrorDetail | null;
}

interface RawDeltaRequest {
  readonly node: RawNode | null;
  readonly type_url: string;
  readonly resource_names_subscribe: readonly string[];
  readonly resource_names_unsubscribe: readonly string[];
  readonly initial_resource_versions: Readonly<Record<string, string>>;
  readonly response_nonce: string;
  readonly error_detail: ErrorDetail | null;
}

interface RawNode {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: RawStruct | null;
  readonly user_agent_name: string;
  readonly user_agent_version?: string;
  readonly user_agent_build_version?: { readonly version: RawSemanticVersion | null } | null;
}

interface RawSemanticVersion {
  readonly major_number: number;
  readonly minor_number: number;
  readonly patch: number;
}

interface RawStruct {
  readonly fields: Readonly<Record<string, RawValue>>;
}

// proto-loader decodes google.protobuf.Struct with its own copy of the proto file, whose names are in camel case.
type RawValue =
  | { readonly kind: 'numberValue'; readonly numberValue: number }
  | { readonly kind: 'stringValue'; readonly stringValue: string }
  | { readonly kind: 'boolValue'; readonly boolValue: boolean }
  | { readonly kind: 'structValue'; readonly structValue: RawStruct }
  | { readonly kind: 'listValue'; readonly listValue: { readonly values: readonly RawValue[] } }
  | { readonly kind: 'nullValue' | undefined };
