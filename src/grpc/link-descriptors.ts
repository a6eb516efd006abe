import { loadSync } from '@grpc/proto-loader';
import type { MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader';

/*
 * The parts of google/protobuf/descriptor.proto that refer to types. Everything else is carried along.
 */

export interface FileDescriptor {
  readonly name: string;
  readonly package?: string;
  readonly dependency?: readonly string[];
  readonly messageType?: readonly MessageDescriptor[];
  readonly enumType?: readonly { readonly name: string }[];
  readonly service?: readonly { readonly name: string; readonly method?: readonly MethodDescriptor[] }[];
}

interface MessageDescriptor {
  readonly name: string;
  readonly field?: readonly { readonly name?: string; readonly typeName?: string }[];
  readonly options?: { readonly mapEntry?: boolean };
  readonly nestedType?: readonly MessageDescriptor[];
  readonly enumType?: readonly { readonly name: string }[];
}

interface MethodDescriptor {
  readonly inputType: string;
  readonly outputType: string;
}

/**
 * Completes the file descriptors of a package definition. The loader writes one file for each package, names
 * the types of fields relative to it, and no file that it depends on; clients of reflection then cannot
 * resolve a message of another package (https://github.com/grpc/grpc-node/issues/3018).
 */
export function linkDescriptors(definition: PackageDefinition): PackageDefinition {
  const codec = fileDescriptorCodec();
  const files = new Map<string, FileDescriptor>();
  for (const entry of Object.values(definition)) {
    for (const bytes of isType(entry) ? entry.fileDescriptorProtos : []) {
      const file = codec.deserialize(bytes);
      files.set(file.name, nameMapEntries(file));
    }
  }
  const fileDescriptorProtos = linkFiles([...files.values()]).map((file) => codec.serialize(file));
  const linked: PackageDefinition = {};
  for (const [name, entry] of Object.entries(definition)) {
    linked[name] = isType(entry) ? { ...entry, fileDescriptorProtos } : entry;
  }
  return linked;
}

/**
 * Gives the types of map entries the names that protobuf requires: `FieldNameEntry` for the field `field_name`. The
 * loader omits `Entry` and keeps underscores, and clients in Go, such as grpcurl, reject that.
 */
export function nameMapEntries(file: FileDescriptor): FileDescriptor {
  return file.messageType === undefined
    ? file
    : { ...file, messageType: file.messageType.map(nameEntriesOf) };
}

function nameEntriesOf(message: MessageDescriptor): MessageDescriptor {
  const { field = [], nestedType = [] } = message;
  const entries = new Map<string, string>();
  for (const { name, options } of nestedType) {
    const owner = field.find(({ typeName }) => typeName === name)?.name;
    if (options?.mapEntry === true && owner !== undefined) entries.set(name, entryName(owner));
  }
  return {
    ...message,
    field: field.map((one) => {
      const typeName = entries.get(one.typeName ?? '');
      return typeName === undefined ? one : { ...one, typeName };
    }),
    nestedType: nestedType.map((nested) =>
      nameEntriesOf({ ...nested, name: entries.get(nested.name) ?? nested.name }),
    ),
  };
}

function entryName(field: string): string {
  return `${field.replaceAll(/(?:^|_)(.?)/g, (_, letter: string) => letter.toUpperCase())}Entry`;
}

type Entry = PackageDefinition[string];
type TypeEntry = Extract<Entry, { readonly format: string }>;

/** Messages and enums contain the descriptors of all loaded files; services contain none. */
function isType(entry: Entry): entry is TypeEntry {
  return typeof entry['format'] === 'string';
}

/** Returns the files with absolute type names, each with the files that it depends on. Throws on an unknown type. */
export function linkFiles(files: readonly FileDescriptor[]): readonly FileDescriptor[] {
  const fileOfType = new Map<string, string>();
  for (const file of files) {
    for (const type of typesOf(file.package ?? '', file)) fileOfType.set(type, file.name);
  }
  return files.map((file) => linkFile(file, fileOfType));
}

function linkFile(file: FileDescriptor, fileOfType: ReadonlyMap<string, string>): FileDescriptor {
  const dependencies = new Set<string>();
  const link = (type: string, scope: string): string => {
    const absolute = resolve(type, scope, fileOfType);
    const home = fileOfType.get(absolute);
    if (home !== undefined && home !== file.name) dependencies.add(home);
    return `.${absolute}`;
  };
  const linkMessage = (message: MessageDescriptor, outer: string): MessageDescriptor => {
    const scope = join(outer, message.name);
    return {
      ...message,
      field: (message.field ?? []).map((field) =>
        field.typeName === undefined ? field : { ...field, typeName: link(field.typeName, scope) },
      ),
      nestedType: (message.nestedType ?? []).map((nested) => linkMessage(nested, scope)),
    };
  };
  const scope = file.package ?? '';
  const messageType = (file.messageType ?? []).map((message) => linkMessage(message, scope));
  const service = (file.service ?? []).map(({ method = [], ...rest }) => ({
    ...rest,
    method: method.map(({ inputType, outputType, ...others }) => ({
      ...others,
      inputType: link(inputType, scope),
      outputType: link(outputType, scope),
    })),
  }));
  return { ...file, messageType, service, dependency: [...dependencies].sort() };
}

/** Returns the scopes of a name, innermost first, as protobuf resolves names. */
function resolve(type: string, scope: string, known: ReadonlyMap<string, string>): string {
  if (type.startsWith('.')) {
    if (known.has(type.slice(1))) return type.slice(1);
  } else {
    for (let at = scope; ; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
      const candidate = join(at, type);
      if (known.has(candidate)) return candidate;
      if (at === '') break;
    }
  }
  throw new Error(`no file defines ${type}, which ${scope} refers to`);
}

function typesOf(
  scope: string,
  { messageType = [], enumType = [] }: Pick<FileDescriptor, 'messageType' | 'enumType'>,
): readonly string[] {
  return [
    ...enumType.map(({ name }) => join(scope, name)),
    ...messageType.flatMap((message) => {
      const inner = { messageType: message.nestedType ?? [], enumType: message.enumType ?? [] };
      const name = join(scope, message.name);
      return [name, ...typesOf(name, inner)];
    }),
  ];
}

function join(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}

/** The loader contains descriptor.proto. Without defaults, because absent fields must stay absent. */
function fileDescriptorCodec(): MessageTypeDefinition<object, FileDescriptor> {
  const definition = loadSync('google/protobuf/descriptor.proto', { defaults: false });
  return definition['google.protobuf.FileDescriptorProto'] as unknown as MessageTypeDefinition<
    object,
    FileDescriptor
  >;
}
