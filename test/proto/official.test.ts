import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { protoDirectory } from '../../src/xds/index.ts';
import { loadProtos } from '../../src/xds/server/package-definition.ts';
import { describeFiles, describeTexts } from './describe.ts';
import type { Described } from './describe.ts';

const deps = fileURLToPath(new URL('deps/', import.meta.resolve('@grpc/grpc-js-xds/package.json')));
const officialFolders = ['envoy-api', 'googleapis', 'xds', 'protoc-gen-validate'].map((folder) =>
  join(deps, folder),
);

const files = globSync('**/*.proto', { cwd: protoDirectory }).sort();
/** Not among the official files of this machine, but the loader carries its own copy of them. */
const wellKnown = files.filter((file) => file.startsWith('google/protobuf/'));
/** Has no official text on this machine: what it must say is below. */
const withoutCounterpart = ['grpc/health/v1/health.proto'];
const compared = files.filter((file) => !wellKnown.includes(file) && !withoutCounterpart.includes(file));

const ours = describeFiles(compared, [protoDirectory]);
const official = describeFiles(compared, officialFolders);

suite('proto/ says nothing that the official files do not say', () => {
  test('each file: has an official counterpart, except for those that are named here', () => {
    const found = new Set(officialFolders.flatMap((folder) => globSync('**/*.proto', { cwd: folder })));
    assert.deepEqual(
      files.filter((file) => !found.has(file)),
      [...wellKnown, ...withoutCounterpart].sort(),
    );
  });

  test('each message: its fields have the official number, type, label and oneof', () => {
    const messages = [...ours.messages].filter(([name]) => !name.startsWith('google.protobuf.'));
    assert.equal(messages.length, 25);
    for (const [name, fields] of messages) assertWithin(name, fields, official.messages.get(name));
  });

  test('each service: has all official methods, with types and streaming', () => {
    assert.equal(ours.services.size, 7);
    for (const [name, methods] of ours.services) assert.deepEqual(methods, official.services.get(name), name);
  });

  test('the well-known types: as the loader has them', () => {
    const paths = wellKnown.map((file) => join(protoDirectory, file));
    const text = describeTexts(paths);
    const carried = describeFiles(wellKnown, []);
    assert.equal(text.messages.size, 4);
    assert.deepEqual(inCamelCase(text), inCamelCase(carried));
  });

  test('the health protocol: as its document says', () => {
    const paths = withoutCounterpart.map((file) => join(protoDirectory, file));
    const health = describeTexts(paths);
    const response = 'grpc.health.v1.HealthCheckResponse';
    assert.deepEqual(health, {
      messages: new Map([
        ['grpc.health.v1.HealthCheckRequest', { service: '1 one string' }],
        [response, { status: `1 one ${response}.ServingStatus` }],
      ]),
      enums: new Map([
        [`${response}.ServingStatus`, { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 }],
      ]),
      services: new Map([
        [
          'grpc.health.v1.Health',
          {
            Check: `grpc.health.v1.HealthCheckRequest -> ${response}`,
            Watch: `grpc.health.v1.HealthCheckRequest -> stream ${response}`,
          },
        ],
      ]),
    } satisfies Described);
  });

  test('the node: has no extensions, which are most of a request', () => {
    const node = 'envoy.config.core.v3.Node';
    assert.ok('extensions' in (official.messages.get(node) ?? {}));
    assert.ok(!('extensions' in (ours.messages.get(node) ?? {})));
  });

  test('each message and service: the library loads it, except those of access logs', () => {
    const loaded = new Set(Object.keys(loadProtos()));
    const topLevel = [...ours.messages.keys(), ...ours.services.keys(), 'grpc.health.v1.Health'];
    const nested = 'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig.TrustDomain';
    assert.deepEqual(
      topLevel.filter((name) => !loaded.has(name) && !/^envoy\.\w+\.accesslog\./.test(name)),
      [nested],
    );
  });
});

/** The loader's copies have some of their names in camel case, and some not. */
function inCamelCase({ messages }: Described): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const inCase = (fields: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(fields).map(([name, words]) => [camel(name), words]));
  return new Map([...messages].map(([name, fields]) => [name, inCase(fields)]));
}

/** Each entry of ours is in the official one, and is the same there. */
function assertWithin(
  name: string,
  mine: Readonly<Record<string, string>>,
  theirs: Readonly<Record<string, string>> | undefined,
): void {
  assert.ok(theirs !== undefined, `${name} is not official`);
  for (const [key, value] of Object.entries(mine)) assert.equal(value, theirs[key], `${name}.${key}`);
}
