import type { Action } from './command.ts';
import { fetchBundle } from '../../inputs/federation/fetch-bundle.ts';
import type { ServerCheck } from '../../inputs/federation/fetch-bundle.ts';
import { readBundleDocument } from '../../trust/model/bundle-document.ts';
import type { BundleDocument } from '../../trust/model/bundle-document.ts';
import { endpointUrlProblem } from '../../trust/model/parse-federated-trust-domain.ts';
import { parseSpiffeId } from '../../trust/model/spiffe-id.ts';
import { encodePem } from '../../trust/pem/encode-pem.ts';
import { formatDate } from '../../trust/findings/finding.ts';
import { readCertificate } from '../../trust/x509/read-certificate.ts';
import { counted } from '../../text/counted.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { exportedName, meshTrustData } from '../offline/mesh-trust-text.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { toYaml } from '../terminal/output.ts';
import { readInput } from '../terminal/read-input.ts';
import { say } from '../terminal/terminal.ts';
import { version } from '../terminal/version.ts';

type FetchOptions = FlagOptions<
  | 'url'
  | 'endpointId'
  | 'bundle'
  | 'federationWebCa'
  | 'trustDomain'
  | 'mesh'
  | 'defaultMesh'
  | 'maxDocumentBytes'
  | 'as'
>;

const timeoutMs = 10_000;

/** Fetches a SPIFFE bundle once, as a server does, and explains it or prints a resource with it. */
export const fetchFederation: Action<FetchOptions> = async ({ options, io }) => {
  const { url, as, trustDomain } = options;
  if (url === undefined) throw new CommandError(exitCode.usage, 'give the address of the bundle: --url URL');
  const problem = endpointUrlProblem(url);
  if (problem !== undefined) throw new CommandError(exitCode.usage, `--url ${problem}`);
  if (as !== undefined && trustDomain === undefined)
    throw new CommandError(exitCode.usage, '--as needs --trust-domain: a bundle does not contain its name');
  const check = await checkOf(options, io);
  const response = await fetchBundle({
    url,
    check,
    userAgent: `meshtrust/${version} (fetch)`,
    maxBytes: options.maxDocumentBytes,
    timeoutMs,
    denyPrivate: false,
    signal: io.signal,
  });
  if (response.kind !== 'document') {
    const { reason, message } = response.kind === 'failed' ? response : { reason: 'status', message: '304' };
    throw new CommandError(exitCode.negative, `${url}: the bundle cannot be fetched (${reason}): ${message}`);
  }
  const reading = readBundleDocument(response.text);
  if (reading.kind === 'refused')
    throw new CommandError(exitCode.negative, `${url}: the response ${reading.reason}`);
  const { document } = reading;
  const who = check.kind === 'spiffe' ? `https_spiffe, ${check.id}` : 'https_web';
  const talk = as === undefined ? (text: string) => void io.stdout.write(`${text}\n`) : sayTo(io);
  talk(`${url}: the server is accepted (${who})`);
  describe(document, talk);
  if (as !== undefined) io.stdout.write(toYaml(resourceOf(document, response.text, options)));
  return document.certificates.length === 0 ? exitCode.negative : exitCode.ok;
};

function sayTo(io: CommandIo): (text: string) => void {
  return (text) => say(io, text);
}

/** @throws {CommandError} if the options do not say how the server is authenticated, or a file cannot be used. */
async function checkOf(
  { endpointId, bundle, federationWebCa }: FetchOptions,
  io: CommandIo,
): Promise<ServerCheck> {
  const readText = async (path: string): Promise<string> => (await readInput(path, io)).toString('utf8');
  if (endpointId === undefined) {
    if (bundle !== undefined)
      throw new CommandError(exitCode.usage, '--bundle needs --endpoint-id, the SPIFFE ID of the server');
    return {
      kind: 'web',
      extraCas: federationWebCa === undefined ? [] : [await readText(federationWebCa)],
    };
  }
  const parsed = parseSpiffeId(endpointId);
  if (typeof parsed === 'string') throw new CommandError(exitCode.usage, `--endpoint-id ${parsed}`);
  if (bundle === undefined)
    throw new CommandError(
      exitCode.usage,
      '--endpoint-id needs --bundle, a bundle of the trust domain of the server: ask its operators for it',
    );
  const text = await readText(bundle);
  if (text.includes('-----BEGIN')) return { kind: 'spiffe', id: parsed.id, cas: [text] };
  const reading = readBundleDocument(text);
  if (reading.kind === 'refused')
    throw new CommandError(exitCode.usage, `${bundle} ${reading.reason}: give a SPIFFE bundle or PEM`);
  const cas = reading.document.certificates.flatMap((one) => (one.kind === 'ca' ? encodePem(one.der) : []));
  return { kind: 'spiffe', id: parsed.id, cas };
}

function describe(document: BundleDocument, talk: (text: string) => void): void {
  const { certificates, remarks, ignoredKeys, sequence, refreshHintSeconds: hint } = document;
  const usable = certificates.filter(({ kind }) => kind === 'ca').length;
  const unusable = certificates.length - usable;
  const parts = [
    counted(usable, 'CA certificate'),
    ...(unusable === 0 ? [] : [`${counted(unusable, 'key')} without a usable one`]),
    `sequence ${sequence ?? 'none'}`,
    hint === undefined ? 'no refresh hint: fetched every 5 minutes' : `refresh hint ${hint} s`,
    ...(ignoredKeys === 0 ? [] : [`${counted(ignoredKeys, 'key')} of another use or type ignored`]),
  ];
  talk(`the bundle has ${parts.join(', ')}`);
  for (const { key, reason } of remarks) talk(`key ${key + 1} ${reason}`);
  for (const certificate of certificates) {
    const number = certificate.key + 1;
    const reading = certificate.kind === 'damaged' ? undefined : readCertificate(certificate.der);
    if (reading?.kind === 'ca') {
      const { subject, fingerprint, notAfter } = reading.certificate;
      talk(`key ${number}: ${subject}, ${fingerprint.slice(0, 16)}, until ${formatDate(notAfter)}`);
    } else if (reading !== undefined) talk(`key ${number} is not usable: ${reading.reason}`);
  }
  if (certificates.length === 0)
    talk('the bundle is empty: it revokes all CA certificates of its trust domain');
}

function resourceOf(document: BundleDocument, text: string, options: FetchOptions): object {
  const { as, url = '', endpointId, trustDomain = '', mesh = options.defaultMesh } = options;
  const name = exportedName(mesh, trustDomain);
  if (as === 'MeshTrust') {
    const pems = document.certificates.flatMap((one) => (one.kind === 'ca' ? encodePem(one.der) : []));
    return meshTrustData({ mesh, namespace: '', name, trustDomain, pems });
  }
  return {
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterFederatedTrustDomain',
    metadata: { name, labels: { 'kuma.io/mesh': mesh } },
    spec: {
      trustDomain,
      bundleEndpointURL: url,
      bundleEndpointProfile:
        endpointId === undefined
          ? { type: 'https_web' }
          : { type: 'https_spiffe', endpointSPIFFEID: endpointId },
      trustDomainBundle: text,
    },
  };
}
