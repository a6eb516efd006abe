import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { Client } from '@grpc/grpc-js';
import type { FileDescriptor } from '../../src/grpc/link-descriptors.ts';

/** One reflection request and its response. */
export interface Reflection {
  readonly services: () => Promise<readonly string[]>;
  /** Returns the descriptors that the server sends for a symbol: of its file and of all dependencies. */
  readonly filesOf: (symbol: string) => Promise<readonly FileDescriptor[]>;
}

interface Response {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse?: { readonly errorMessage: string };
}

type Message = MessageTypeDefinition<object, object>;

// The standard's proto files, which are part of the library under test.
const build = dirname(dirname(createRequire(import.meta.url).resolve('@grpc/reflection')));
const descriptors = loadSync('google/protobuf/descriptor.proto', { defaults: false });
const fileDescriptor = descriptors['google.protobuf.FileDescriptorProto'] as unknown as Message;

/** Creates a reflection client for one version of the protocol. */
export function createReflection(client: Client, version: 'v1' | 'v1alpha'): Reflection {
  const definition = loadSync(join(build, `proto/grpc/reflection/${version}/reflection.proto`));
  const name = `grpc.reflection.${version}`;
  const request = definition[`${name}.ServerReflectionRequest`] as unknown as Message;
  const response = definition[`${name}.ServerReflectionResponse`] as unknown as Message;

  const ask = (question: object): Promise<Response> =>
    new Promise((resolve, reject) => {
      const call = client.makeBidiStreamRequest(
        `/${name}.ServerReflection/ServerReflectionInfo`,
        (value: object) => request.serialize(value),
        (bytes: Buffer) => response.deserialize(bytes) as Response,
      );
      call.on('error', reject);
      call.on('data', (answer: Response) => {
        if (answer.errorResponse) reject(new Error(answer.errorResponse.errorMessage));
        else resolve(answer);
      });
      call.write(question);
      call.end();
    });

  return {
    async services() {
      const { listServicesResponse } = await ask({ listServices: '*' });
      return (listServicesResponse?.service ?? []).map((service) => service.name);
    },
    async filesOf(symbol) {
      const { fileDescriptorResponse } = await ask({ fileContainingSymbol: symbol });
      const files = fileDescriptorResponse?.fileDescriptorProto ?? [];
      return files.map((bytes) => fileDescriptor.deserialize(bytes) as FileDescriptor);
    },
  };
}
