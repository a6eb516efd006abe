import assert from 'node:assert/strict';
import { rotatingResource } from '../../../src/api/present-rotation.ts';
import type { MeshTrust } from '../../../src/trust/model/mesh-trust.ts';
import { rotationKeys } from '../../../src/trust/rotation-keys.ts';
import { editText } from '../../../src/trust/rotation/edit-text.ts';
import type { Edit } from '../../../src/trust/rotation/edit-text.ts';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { fingerprintOf, parse, reader } from '../../kit/resources.ts';
import { cas, pems } from './world-parts.ts';

/** A file with the resource whose CA is rotated, and with others of the mesh. */
export interface WorldFile {
  readonly text: string;
  /** The resource that is rotated. */
  readonly zone: MeshTrust;
  readonly all: readonly MeshTrust[];
  /** Fingerprints that the resource lists. */
  readonly listed: ReadonlySet<string>;
  /** The served version: equal for files that serve the same CAs. */
  readonly version: string;
}

const otherPems = ['Other old', 'Other new'].map((commonName) => makeCa({ commonName }).certPem);
const [otherOld = '', otherNew = ''] = otherPems;
const otherMarks = `annotations:\n  ${rotationKeys.old}: "${fingerprintOf(otherOld)}"\n  ${rotationKeys.new}: "${fingerprintOf(otherNew)}"\n`;
const other = (some: readonly string[]): string =>
  meshTrustYaml({ name: 'other', trustDomain: 'b.test', pems: some });
/** A resource of another trust domain, before its own rotation and in it. */
const others = {
  before: other([otherOld]),
  during: other([otherOld, otherNew]).replace('spec:', `${otherMarks}spec:`),
};
/** A resource of the same trust domain that lists the old CA as well. */
const copy = `---\n${meshTrustYaml({ name: 'copy', trustDomain: 'a.test', pems: [pems.old] })}`;

/** Another CA of the trust domain, which stays. */
const third = makeCa({ commonName: 'Third' }).certPem;

export const firstText = `${meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [pems.old, third] })}---\n${others.before}`;

const known = new Map<string, WorldFile>();

/** Reads a text. */
export function readWorldFile(text: string): WorldFile {
  const before = known.get(text);
  if (before !== undefined) return before;
  const parsed = parse(text);
  const documents = parsed.kind === 'documents' ? parsed.documents : [];
  const all = documents.map((document) =>
    document.kind === 'mesh-trust' ? document.resource : assert.fail('the file is broken'),
  );
  const hashesOf = (resource: MeshTrust): readonly string[] =>
    rotatingResource(resource).listed.map(({ fingerprint }) => fingerprint);
  const zone = all.find(({ name }) => name === 'zone') ?? assert.fail('the resource is gone');
  const served = all.flatMap((resource) =>
    hashesOf(resource).map((hash) => `${resource.trustDomain} ${hash}`),
  );
  const file = {
    text,
    zone,
    all,
    listed: new Set(hashesOf(zone)),
    version: [...new Set(served)].sort().join(),
  };
  // Texts differ in times, so most are never read again.
  if (known.size > 1_000) known.clear();
  known.set(text, file);
  return file;
}

/** Applies edits of the resource that is rotated, as the commands do; `undefined` if they are refused. */
export function editWorldFile({ text, zone }: WorldFile, edits: readonly Edit[]): string | undefined {
  const edited = editText(text, zone, edits, { defaultMesh: 'default', reader });
  return edited.kind === 'edited' ? edited.text : undefined;
}

/** Changes of the file that no command made. */
export const handEdits = {
  /** Another person changes a comment. */
  touch: ({ text }: WorldFile, now: number) => `# ${now}\n${text.replace(/^#.*\n/, '')}`,
  /** Another trust domain of the mesh has a rotation at the same time, or ends it. */
  rotateOther: ({ text }: WorldFile) =>
    text.includes(others.during)
      ? text.replace(others.during, others.before)
      : text.replace(others.before, others.during),
  /** Another resource of the trust domain lists the old CA as well, or no longer. */
  copyOld: ({ text }: WorldFile) => (text.includes(copy) ? text.replace(copy, '') : `${text}${copy}`),
  breakSwitch: (file: WorldFile) => broken(file, rotationKeys.switchedAt),
  breakStart: (file: WorldFile) => broken(file, rotationKeys.startedAt),
  breakBack: (file: WorldFile) => broken(file, rotationKeys.backAt),
  breakLifetime: (file: WorldFile) => broken(file, rotationKeys.leafTtl),
  loseStart: (file: WorldFile) => without(file, rotationKeys.startedAt),
  loseLifetime: (file: WorldFile) => without(file, rotationKeys.leafTtl),
  /** The new CA is removed without the command, if the old one stays. */
  loseNew: (file: WorldFile) =>
    file.listed.has(cas.old.fingerprint)
      ? (editWorldFile(file, [{ kind: 'remove', fingerprint: cas.new.fingerprint }]) ?? file.text)
      : file.text,
} as const satisfies Readonly<Record<string, (file: WorldFile, now: number) => string>>;

function broken({ text }: WorldFile, key: string): string {
  return text.replace(new RegExp(`(${key}: )"[^"]*"`), '$1"x"');
}

function without({ text }: WorldFile, key: string): string {
  return text.replace(new RegExp(` *${key}: "[^"]*"\n`), '');
}
