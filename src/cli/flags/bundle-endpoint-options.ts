import { parseListenAddress } from '../../net/listen-address.ts';
import type { ServeOptions } from '../../runtime/serve-options.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { serveGroups } from './flag-groups.ts';
import type { FlagOptions } from './flags.ts';

export type BundleFlags = FlagOptions<(typeof serveGroups)['Bundle endpoint'][number]>;

/**
 * Returns the options of the bundle endpoint; undefined if `--bundle-listen` is not given.
 * @throws {CommandError} (usage) if the flags are inconsistent.
 */
export function bundleEndpointOf({
  bundleListen: listen,
  bundleProfile: profile,
  bundleCert: certificate,
  bundleKey: key,
  bundleServe: rules = [],
  bundleRefreshHint,
  bundleRate: perSecond,
}: BundleFlags): ServeOptions['bundleEndpoint'] {
  if (listen === undefined) {
    if ((certificate ?? key) === undefined && rules.length === 0) return undefined;
    throw usage('--bundle-cert, --bundle-key and --bundle-serve have no effect without --bundle-listen');
  }
  if (parseListenAddress(listen).kind === 'unix')
    throw usage('--bundle-listen must be HOST:PORT: consumers fetch an https URL');
  if (certificate === undefined || key === undefined)
    throw usage('--bundle-listen needs --bundle-cert and --bundle-key');
  if (rules.length === 0)
    throw usage(
      '--bundle-listen needs --bundle-serve: name the trust domains to publish, such as default/example.org or default/*',
    );
  const refreshSeconds = Math.ceil(bundleRefreshHint / 1000);
  return { listen, profile, certificate, key, rules, refreshSeconds, perSecond };
}

function usage(message: string): CommandError {
  return new CommandError(exitCode.usage, message);
}
