import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Protobuf from 'protobufjs';

// The parser that the loader itself uses: its own package definitions no longer tell oneofs apart.
const loaderRequire = createRequire(import.meta.resolve('@grpc/proto-loader'));
const protobuf = loaderRequire('protobufjs') as typeof Protobuf;

/** What proto files define, by full name, in words that can be compared. */
export interface Described {
  /** Each field as `number label type`, with the oneof it is in. */
  readonly messages: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly enums: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** Each method as `request -> response`, with `stream` where there is one. */
  readonly services: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Reads proto files, given by path, and what they import, from folders; `.` for the working directory. */
export function describeFiles(files: readonly string[], folders: readonly string[]): Described {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    const found = folders.map((folder) => join(folder, target)).find((path) => existsSync(path));
    return found ?? target;
  };
  root.loadSync([...files], { keepCase: true });
  root.resolveAll();
  return describe(root);
}

/** Reads the text of proto files that import nothing. */
export function describeTexts(paths: readonly string[]): Described {
  const root = new protobuf.Root();
  for (const path of paths) protobuf.parse(readFileSync(path, 'utf8'), root, { keepCase: true });
  root.resolveAll();
  return describe(root);
}

function describe(root: Protobuf.Root): Described {
  const messages = new Map<string, Record<string, string>>();
  const enums = new Map<string, Record<string, number>>();
  const services = new Map<string, Record<string, string>>();

  function visit(object: Protobuf.ReflectionObject): void {
    const name = object.fullName.slice(1);
    if (object instanceof protobuf.Enum) enums.set(name, { ...object.values });
    if (object instanceof protobuf.Type) messages.set(name, wordsBy(object.fieldsArray, describeField));
    if (object instanceof protobuf.Service) services.set(name, wordsBy(object.methodsArray, describeMethod));
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(visit);
  }
  visit(root);
  return { messages, enums, services };
}

function wordsBy<Part extends { readonly name: string }>(
  parts: readonly Part[],
  words: (part: Part) => string,
): Record<string, string> {
  return Object.fromEntries(parts.map((part) => [part.name, words(part)]));
}

function describeField(field: Protobuf.Field): string {
  const type = field.resolvedType?.fullName.slice(1) ?? field.type;
  const label =
    field instanceof protobuf.MapField ? `map<${field.keyType}>` : field.repeated ? 'repeated' : 'one';
  const oneof = field.partOf === null ? '' : ` in ${field.partOf.name}`;
  return `${field.id} ${label} ${type}${oneof}`;
}

function describeMethod(method: Protobuf.Method): string {
  const side = (streams: boolean | undefined, type: Protobuf.Type | null): string =>
    `${streams === true ? 'stream ' : ''}${type?.fullName.slice(1)}`;
  const response = side(method.responseStream, method.resolvedResponseType);
  return `${side(method.requestStream, method.resolvedRequestType)} -> ${response}`;
}
