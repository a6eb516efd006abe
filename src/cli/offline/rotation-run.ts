import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import type { RotationMarks } from '../../trust/model/read-rotation.ts';
import type { CaFacts, GateInput, ServerFacts } from '../../trust/rotation/facts.ts';
import { parseHash } from '../../trust/policy/distrust.ts';
import { createAnchorReader } from '../../trust/x509/anchor-reader.ts';
import { readClocks } from '../../trust/rotation/clocks.ts';
import { askRotationFacts } from '../ask/rotation-answers.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { followAccessLog, observationOf } from './access-log.ts';
import { newCaOf, readCaFile } from './new-certificate.ts';
import type { FileCertificate } from './new-certificate.ts';
import type { Subject } from './rotation-subject.ts';
import { askMesh } from './served-meshes.ts';

/** The options of every command about a rotation. */
export type RotationOptions = FlagOptions<
  | 'mesh'
  | 'trustDomain'
  | 'proxies'
  | 'disconnectWindow'
  | 'consumerWindow'
  | 'accessLog'
  | 'quiet'
  | 'clockSkew'
  | 'defaultMesh'
  | 'maxDocumentBytes'
  | 'maxCertificates'
> &
  ServerOptions;

/** The context that the rotation commands share: how files are parsed, and the servers that are queried. */
export interface RotationRun {
  readonly parse: ParseOptions;
  readonly servers: readonly ServerAccess[];
  /** Returns what the gates depend on, apart from the marks. */
  readonly facts: (subject: Subject) => Promise<Omit<GateInput, 'marks'>>;
}

/** @throws {CommandError} as `serverAccess` does. */
export async function rotationRun(options: RotationOptions, io: CommandIo): Promise<RotationRun> {
  const servers = await serverAccess(options, io);
  const limits = {
    documentLength: options.maxDocumentBytes,
    certificatesPerResource: options.maxCertificates,
  };
  const reader = createAnchorReader();
  const { accessLog } = options;
  const issuersSeen = accessLog === undefined ? undefined : followAccessLog(accessLog, io);
  return {
    parse: { defaultMesh: options.defaultMesh, reader, limits },
    servers,
    async facts({ mesh, trustDomain, resource }) {
      const facts = await askRotationFacts(servers, mesh, trustDomain, io.signal);
      const { earliest, latest } = readClocks(Date.now(), facts);
      return {
        resource,
        servers: facts,
        observation:
          issuersSeen === undefined
            ? undefined
            : observationOf(
                await issuersSeen(),
                await servedCertificates(servers, facts, mesh, io.signal),
                reader,
              ),
        options: {
          proxies: options.proxies,
          disconnectWindowMs: options.disconnectWindow,
          consumerWindowMs: options.consumerWindow,
          quietMs: options.quiet,
          clockSkewMs: options.clockSkew,
        },
        now: earliest,
        latest,
      };
    },
  };
}

/** The CA certificates of `--old` and `--new`. */
export interface GivenCertificates {
  /** Returns the fingerprint of the old CA, which is one of the listed ones. */
  readonly oldOf: (listed: readonly CaFacts[]) => string | undefined;
  readonly newCa: FileCertificate;
}

/**
 * Reads `--old` and `--new`.
 * @throws {CommandError} (usage) if one is missing, cannot be read, or is not a certificate.
 */
export async function readGiven(
  { old, new: next }: { readonly old?: string; readonly new?: string },
  { parse }: RotationRun,
  io: CommandIo,
): Promise<GivenCertificates> {
  if (old === undefined || next === undefined)
    throw new CommandError(
      exitCode.usage,
      'give both certificates: --old FINGERPRINT or FILE, and --new FILE',
    );
  const newCa = await readCaFile(next, parse.reader, io);
  const hash = parseHash(old);
  if (hash.kind !== 'invalid')
    return {
      newCa,
      oldOf: (listed) => listed.find(({ fingerprint }) => fingerprint.startsWith(hash.hash))?.fingerprint,
    };
  const found = await readCaFile(old, parse.reader, io);
  if (found.kind === 'refused')
    throw new CommandError(exitCode.usage, `${old}: the certificate cannot be a CA: ${found.reason}`);
  const { fingerprint } = found.certificate;
  return {
    newCa,
    oldOf: (listed) => listed.find((one) => one.fingerprint === fingerprint)?.fingerprint,
  };
}

/** Returns what the gates of the start depend on. */
export async function startInput(
  run: RotationRun,
  subject: Subject,
  old: string,
  newCa: FileCertificate,
  io: CommandIo,
): Promise<GateInput> {
  const input = await run.facts(subject);
  const served = await servedCertificates(run.servers, input.servers, subject.mesh, io.signal);
  const place = { served: served?.trustDomains ?? [], trustDomain: subject.trustDomain, old };
  const marks: RotationMarks = {
    old,
    new: newCa.kind === 'anchor' ? newCa.certificate.fingerprint : '',
    switchedAt: undefined,
    leafTtlMs: undefined,
  };
  return { ...input, marks, before: subject.marks, newCa: newCaOf(newCa, place, run.parse.reader) };
}

/** Returns the CA certificates as a server serves them; `undefined` if a server does not answer. */
async function servedCertificates(
  servers: readonly ServerAccess[],
  facts: readonly ServerFacts[],
  mesh: string,
  signal: AbortSignal,
): Promise<MeshCertificates | undefined> {
  const [first] = servers;
  if (first === undefined || facts.some(({ kind }) => kind !== 'answered')) return undefined;
  return (await askMesh(first, mesh, '/certificates', signal)) as MeshCertificates | undefined;
}
