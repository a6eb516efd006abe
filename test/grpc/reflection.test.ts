import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { healthServiceName } from '../../src/grpc/health.ts';
import { linkFiles, nameMapEntries } from '../../src/grpc/link-descriptors.ts';
import type { FileDescriptor } from '../../src/grpc/link-descriptors.ts';
import { addReflection } from '../../src/grpc/reflection.ts';
import { discoveryServices } from '../../src/xds/index.ts';
import { createReflection } from './reflection-client.ts';
import { createHealthClient, definition, startServer } from './server.ts';

const services = [...discoveryServices.map(({ name }) => name), healthServiceName];

/** Returns the names of all types that a file refers to. */
function references(file: FileDescriptor): readonly string[] {
  const ofMessage = ({ field = [], nestedType = [] }: Message): readonly string[] => [
    ...field.flatMap(({ typeName }) => typeName ?? []),
    ...nestedType.flatMap(ofMessage),
  ];
  const ofServices = (file.service ?? []).flatMap(({ method = [] }) =>
    method.flatMap(({ inputType, outputType }) => [inputType, outputType]),
  );
  return [...(file.messageType ?? []).flatMap(ofMessage), ...ofServices];
}

/** Returns the names of the types of map entries. */
function mapEntries({ messageType = [] }: Pick<FileDescriptor, 'messageType'>): readonly string[] {
  return messageType.flatMap(({ name, options, nestedType = [] }) => [
    ...(options?.mapEntry === true ? [name] : []),
    ...mapEntries({ messageType: nestedType }),
  ]);
}

type Message = NonNullable<FileDescriptor['messageType']>[number];

/** Returns the absolute names of all types that a file defines. */
function definitions(file: FileDescriptor): readonly string[] {
  const named = (scope: string, { messageType = [], enumType = [] }: Types): readonly string[] => [
    ...enumType.map(({ name }) => `${scope}.${name}`),
    ...messageType.flatMap((message) => {
      const name = `${scope}.${message.name}`;
      return [name, ...named(name, { messageType: message.nestedType, enumType: message.enumType })];
    }),
  ];
  return named(`.${file.package ?? ''}`, file);
}

interface Types {
  readonly messageType?: FileDescriptor['messageType'] | undefined;
  readonly enumType?: FileDescriptor['enumType'] | undefined;
}

suite('reflection', () => {
  for (const version of ['v1', 'v1alpha'] as const) {
    test(`${version}: lists the services`, async () => {
      using rig = await startServer();
      addReflection(rig.server, definition, services);
      using client = createHealthClient(rig.address);
      const listed = await createReflection(client.client, version).services();
      assert.deepEqual([...listed].sort(), [...services].sort());
    });

    test(`${version}: the description of each service has all types that a client must resolve`, async () => {
      using rig = await startServer();
      addReflection(rig.server, definition, services);
      using client = createHealthClient(rig.address);
      const { filesOf } = createReflection(client.client, version);
      for (const service of services) {
        const files = await filesOf(service);
        const [own] = files;
        assert.ok(
          own?.service?.some(({ name }) => service === `${own.package}.${name}`),
          service,
        );
        const byName = new Map(files.map((file) => [file.name, file]));
        let checked = 0;
        for (const file of files) {
          // A client looks in the file itself and in its declared dependencies.
          const visible = [file, ...(file.dependency ?? []).map((name) => byName.get(name))];
          const defined = new Set(
            visible.flatMap((other) => (other === undefined ? [] : definitions(other))),
          );
          for (const reference of references(file)) {
            assert.ok(defined.has(reference), `${file.name} refers to ${reference}`);
            checked += 1;
          }
          // Clients in Go reject map entries of another name.
          for (const name of mapEntries(file)) assert.match(name, /^[A-Z][A-Za-z0-9]*Entry$/);
        }
        assert.ok(checked > 1, `${service} refers to nothing`);
      }
    });

    test(`${version}, unknown symbol: an error`, async () => {
      using rig = await startServer();
      addReflection(rig.server, definition, services);
      using client = createHealthClient(rig.address);
      await assert.rejects(createReflection(client.client, version).filesOf('nothing.Here'), /not found/);
    });
  }
});

suite('linked descriptors', () => {
  const field = (typeName: string): Message => ({ name: 'M', field: [{ typeName }] });
  const outer: FileDescriptor = { name: 'a.proto', package: 'a', messageType: [{ name: 'T' }] };

  test('relative names: are resolved from the innermost scope outwards', () => {
    const inner: FileDescriptor = {
      name: 'ab.proto',
      package: 'a.b',
      messageType: [
        { ...field('T'), nestedType: [{ name: 'T' }] },
        { ...field('T'), name: 'N' },
      ],
    };
    const [, linked] = linkFiles([outer, inner]);
    assert.deepEqual(
      linked?.messageType?.map((message) => message.field?.[0]?.typeName),
      ['.a.b.M.T', '.a.T'],
    );
    assert.deepEqual(linked?.dependency, ['a.proto']);
  });

  test('absolute names: are kept, and types of the same file need no dependency', () => {
    const [linked] = linkFiles([{ ...outer, messageType: [{ name: 'T' }, field('.a.T')] }]);
    assert.equal(linked?.messageType?.[1]?.field?.[0]?.typeName, '.a.T');
    assert.deepEqual(linked.dependency, []);
  });

  test('file without a package: is supported', () => {
    const [, linked] = linkFiles([
      { name: 'none.proto', messageType: [{ name: 'T' }] },
      { name: 'b.proto', package: 'b', messageType: [field('T')] },
    ]);
    assert.equal(linked?.messageType?.[0]?.field?.[0]?.typeName, '.T');
    assert.deepEqual(linked.dependency, ['none.proto']);
  });

  test('types of map entries: get the names that protobuf requires, also in nested messages', () => {
    const withMap: Message = {
      name: 'M',
      field: [{ name: 'old_versions', typeName: 'Old_versions' }],
      nestedType: [{ name: 'Old_versions', options: { mapEntry: true } }],
    };
    const { messageType } = nameMapEntries({
      ...outer,
      messageType: [{ name: 'Outer', nestedType: [withMap, { name: 'Other' }] }],
    });
    const [nested, other] = messageType?.[0]?.nestedType ?? [];
    assert.deepEqual(nested?.field, [{ name: 'old_versions', typeName: 'OldVersionsEntry' }]);
    assert.equal(nested.nestedType?.[0]?.name, 'OldVersionsEntry');
    assert.equal(other?.name, 'Other');
  });

  test('unknown type: an error', () => {
    for (const type of ['Missing', '.a.Missing'])
      assert.throws(() => linkFiles([{ ...outer, messageType: [field(type)] }]), /no file defines/);
  });
});
