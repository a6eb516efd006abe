import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { loadProtos } from '../../src/xds/server/package-definition.ts';

const definitions = loadProtos();
const tls = 'envoy.extensions.transport_sockets.tls.v3';

/** The content of a secret, as Envoy decodes it. */
export interface DecodedSecret {
  readonly name: string;
  readonly validatorName: string;
  readonly validatorType: string;
  readonly trustDomains: readonly { readonly name: string; readonly pem: string }[];
}

function decode(message: string, bytes: Uint8Array): unknown {
  const definition = definitions[`${tls}.${message}`] as MessageTypeDefinition<object, object>;
  return definition.deserialize(Buffer.from(bytes));
}

interface WireSecret {
  readonly name: string;
  readonly validation_context: {
    readonly custom_validator_config: {
      readonly name: string;
      readonly typed_config: { readonly type_url: string; readonly value: Uint8Array };
    };
  };
}

interface WireValidator {
  readonly trust_domains: readonly {
    readonly name: string;
    readonly trust_bundle: { readonly inline_string: string };
  }[];
}

/** Decodes a Secret by the proto files. */
export function decodeSecret(bytes: Uint8Array): DecodedSecret {
  const secret = decode('Secret', bytes) as WireSecret;
  const validator = secret.validation_context.custom_validator_config;
  const config = decode('SPIFFECertValidatorConfig', validator.typed_config.value) as WireValidator;
  return {
    name: secret.name,
    validatorName: validator.name,
    validatorType: validator.typed_config.type_url,
    trustDomains: config.trust_domains.map(({ name, trust_bundle: { inline_string: pem } }) => ({
      name,
      pem,
    })),
  };
}
