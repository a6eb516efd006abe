import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { loadProtos } from '../../src/xds/server/package-definition.ts';

export interface AnyMessage {
  readonly type_url: string;
  readonly value: Buffer;
}

export interface DeltaResponse {
  readonly system_version_info: string;
  readonly resources: readonly {
    readonly name: string;
    readonly version: string;
    readonly resource: AnyMessage;
  }[];
  readonly removed_resources: readonly string[];
  readonly type_url: string;
  readonly nonce: string;
  readonly control_plane: { readonly identifier: string } | null;
}

export interface SotwResponse {
  readonly version_info: string;
  readonly resources: readonly AnyMessage[];
  readonly type_url: string;
  readonly nonce: string;
  readonly control_plane: { readonly identifier: string } | null;
}

/** Encodes and decodes the messages of one direction and protocol. */
export interface Codec<Message> {
  serialize(value: object): Buffer;
  deserialize(bytes: Buffer): Message;
}

const definition = loadProtos();

function message<Message>(name: string): Codec<Message> {
  const { serialize, deserialize } = definition[name] as MessageTypeDefinition<object, object>;
  return { serialize, deserialize: (bytes) => deserialize(bytes) as Message };
}

export const deltaRequests: Codec<object> = message('envoy.service.discovery.v3.DeltaDiscoveryRequest');
export const deltaResponses: Codec<DeltaResponse> = message(
  'envoy.service.discovery.v3.DeltaDiscoveryResponse',
);
export const sotwRequests: Codec<object> = message('envoy.service.discovery.v3.DiscoveryRequest');
export const sotwResponses: Codec<SotwResponse> = message('envoy.service.discovery.v3.DiscoveryResponse');
