import { concat, field, stringField } from '../wire/write.ts';
import type { Protocol } from './request.ts';
import type { Resource } from './resource.ts';

/** The content of a response, without its nonce. */
export interface ResponseContent {
  readonly typeUrl: string;
  /** Delta: `system_version_info`; SotW: `version_info`. */
  readonly version: string;
  readonly resources: readonly Resource[];
  /** Removed names; delta only. */
  readonly removed: readonly string[];
}

/** Encodes a `DeltaDiscoveryResponse` or `DiscoveryResponse`. Field numbers are those of `proto/`. */
export function encodeResponse(
  protocol: Protocol,
  content: ResponseContent,
  nonce: string,
  identifier: string,
): Uint8Array {
  return protocol === 'delta'
    ? encodeDelta(content, nonce, identifier)
    : encodeSotw(content, nonce, identifier);
}

function encodeDelta(content: ResponseContent, nonce: string, identifier: string): Uint8Array {
  return concat([
    stringField(1, content.version),
    ...content.resources.map((resource) =>
      field(
        2,
        stringField(1, resource.version),
        any(2, content.typeUrl, resource.body),
        stringField(3, resource.name),
      ),
    ),
    stringField(4, content.typeUrl),
    stringField(5, nonce),
    ...content.removed.map((name) => stringField(6, name)),
    controlPlane(7, identifier),
  ]);
}

function encodeSotw(content: ResponseContent, nonce: string, identifier: string): Uint8Array {
  return concat([
    stringField(1, content.version),
    ...content.resources.map((resource) => any(2, content.typeUrl, resource.body)),
    stringField(4, content.typeUrl),
    stringField(5, nonce),
    controlPlane(6, identifier),
  ]);
}

function any(number: number, typeUrl: string, body: Uint8Array): Uint8Array {
  return field(number, stringField(1, typeUrl), field(2, body));
}

function controlPlane(number: number, identifier: string): Uint8Array {
  return identifier === '' ? new Uint8Array() : field(number, stringField(1, identifier));
}
