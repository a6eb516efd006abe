import { isLoopback, parseListenAddress } from '../../net/listen-address.ts';
import type { ServeOptions } from '../../runtime/serve-options.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { serveFlags } from './flag-groups.ts';
import type { FlagOptions } from './flags.ts';

export type XdsAuthFlags = Pick<
  FlagOptions<(typeof serveFlags)[number]>,
  | 'accessLogListen'
  | 'kubeconfig'
  | 'tlsCert'
  | 'tlsClientCa'
  | 'tlsClientTrust'
  | 'xdsAccess'
  | 'xdsAuth'
  | 'xdsListen'
  | 'xdsTokenAudience'
  | 'xdsTokenCache'
  | 'xdsTokenIssuer'
>;

/** The error for a listener for access logs that anyone could use, although no flag says so. */
const unprotectedLog =
  'others could send access logs there, and so keep rotations from their end: give it TLS (--tls-cert and --tls-key) and --xds-auth mtls or token, or a loopback address; --xds-auth none accepts logs from every client';

/** The error for an xDS port that anyone could use, although no flag says so. */
const unprotectedXds =
  'others could reach the xDS port there: give it TLS (--tls-cert and --tls-key) and --xds-auth mtls or token, or a loopback address; --xds-auth none lets every client subscribe, and acknowledge under any node id';

/** The error for credentials that everyone on the way could read. */
const readableCredentials =
  'tokens could be read on the way there, and used by others: give it TLS (--tls-cert and --tls-key), or a loopback address, or --xds-auth none alone';

/**
 * Returns how proxies authenticate.
 * @throws {CommandError} (usage) if flags contradict each other, or if other machines could reach the port although no
 * flag says who may use it.
 */
export function xdsAuthOf(flags: XdsAuthFlags): ServeOptions['xdsAuth'] {
  const { tlsCert, tlsClientCa, tlsClientTrust: clientTrust, xdsAccess, xdsListen } = flags;
  const verifiesCertificates = tlsClientCa !== undefined || clientTrust !== undefined;
  // Who names a CA of clients has said that clients need a certificate.
  const methods = flags.xdsAuth ?? (verifiesCertificates ? (['mtls'] as const) : undefined);
  const isLocal = isLoopback(parseListenAddress(xdsListen));
  const { accessLogListen } = flags;
  const isLogLocal = accessLogListen === undefined || isLoopback(parseListenAddress(accessLogListen));
  const isPlain = tlsCert === undefined;
  const isLogOpen = methods === undefined || (isPlain && !methods.includes('none'));
  if (!isLogLocal && isLogOpen) throw usage(`${accessLogListen}: ${unprotectedLog}`);
  if (methods === undefined) {
    if (!isLocal) throw usage(`${xdsListen}: ${unprotectedXds}`);
    if (xdsAccess !== undefined) throw usage('--xds-access needs --xds-auth mtls or token');
    return undefined;
  }
  const isMutual = methods.includes('mtls');
  if (isMutual && tlsCert === undefined) throw usage('--xds-auth mtls needs TLS: --tls-cert and --tls-key');
  if (isMutual && !verifiesCertificates)
    throw usage('--xds-auth mtls needs --tls-client-ca FILE or --tls-client-trust MESH');
  if (!isMutual && verifiesCertificates)
    throw usage('--tls-client-ca and --tls-client-trust have an effect only with --xds-auth mtls');
  if (tlsClientCa !== undefined && clientTrust !== undefined)
    throw usage('give either --tls-client-ca or --tls-client-trust');
  if (!methods.includes('none')) {
    if (!isLocal && isPlain) throw usage(`${xdsListen}: ${unprotectedXds}`);
  } else if (isPlain && methods.includes('token') && !(isLocal && isLogLocal)) {
    throw usage(`${isLocal ? accessLogListen : xdsListen}: ${readableCredentials}`);
  } else if (xdsAccess !== undefined)
    throw usage(
      '--xds-access cannot be combined with --xds-auth none: a client without credentials fits no rule',
    );
  const {
    xdsTokenAudience: audience,
    xdsTokenCache: cacheMs,
    xdsTokenIssuer: otherIssuer,
    kubeconfig,
  } = flags;
  const token = methods.includes('token') ? { audience, cacheMs, otherIssuer, kubeconfig } : undefined;
  return { methods, clientTrust, token };
}

function usage(message: string): CommandError {
  return new CommandError(exitCode.usage, message);
}
