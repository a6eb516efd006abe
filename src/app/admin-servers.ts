import { createAdminServer, createProbeServer } from '../admin/admin-server.ts';
import type { AdminServerInput } from '../admin/admin-server.ts';
import { loadPage } from '../admin/page-assets.ts';
import type { Metrics } from '../observe/metrics/metrics.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { followAdminAccess } from './admin-access.ts';
import type { FileReport } from './file-report.ts';
import { startTime } from './start-time.ts';
import { authenticationOf } from './xds-access.ts';
import type { XdsAccess } from './xds-access.ts';
import { rotationsOf } from '../admin/rotation-routes.ts';
import type { RotationInput } from '../admin/rotation-routes.ts';
import type { RotationDetail } from '../api/rotation-api-types.ts';
import type { RotationSample } from '../observe/metrics/rotation-metrics.ts';
import { usualGateOptions } from '../trust/rotation/facts.ts';

/** The admin API with its page, and the probe port. */
export interface AdminServers extends AsyncDisposable {
  readonly adminAddress: string;
  /** `undefined` without a probe port. */
  readonly probeAddress: string | undefined;
}

export interface AdminServersInput extends Omit<
  AdminServerInput,
  'access' | 'documentation' | 'page' | 'startedAt' | 'version' | 'xdsAuthentication'
> {
  readonly options: ServeOptions;
  readonly metrics: Metrics;
  readonly report: FileReport;
  readonly xdsAccess: Pick<XdsAccess, 'rules' | 'shortestTokenLife'>;
}

/**
 * Starts the servers of the admin API and of the probes.
 * @throws {Error} if an address or a file cannot be used, or if the admin API would be reachable without protection.
 */
export async function startAdminServers({
  options,
  metrics,
  report,
  xdsAccess,
  ...given
}: AdminServersInput): Promise<AdminServers> {
  await using stack = new AsyncDisposableStack();
  const { access, onRenewed } = stack.use(await followAdminAccess(options, given.log, report));
  const input: AdminServerInput = {
    ...given,
    metrics,
    version: options.version,
    documentation: options.documentation,
    startedAt: () =>
      startTime({ recorded: performance.timeOrigin, wall: given.wall(), upMs: performance.now() }),
    xdsAuthentication: () =>
      authenticationOf(options, {
        tokenLifeMs: xdsAccess.shortestTokenLife(),
        rules: xdsAccess.rules(),
        meshes: given.view().meshes.keys(),
      }),
    access: { ...access, failed: metrics.adminAuthFailed },
    page: await loadPage(),
  };
  metrics.followRotations(() => rotationSamples(input));
  const admin = stack.adopt(createAdminServer(input), (server) => server.close());
  onRenewed(() => admin.renewTls());
  const adminAddress = await admin.listen(options.adminListen);
  let probeAddress: string | undefined;
  if (options.probeListen !== undefined) {
    const probes = stack.adopt(createProbeServer(input), (server) => server.close());
    probeAddress = await probes.listen(options.probeListen);
  }
  const owned = stack.move();
  return { adminAddress, probeAddress, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Returns the address of the page as a link, or the socket on which it is served. */
export function pageAddress(address: string, isTls: boolean): string {
  if (address.startsWith('unix:')) return address;
  // Browsers do not connect to the unspecified address.
  return `http${isTls ? 's' : ''}://${address.replace(/^(?:0\.0\.0\.0|\[::\])(?=:)/, 'localhost')}/`;
}

/** Returns all rotations for the metrics. Without a rotation, no proxy is looked at. */
async function rotationSamples(input: RotationInput): Promise<readonly RotationSample[]> {
  const meshes = new Set((input.view().ledger.rotating ?? []).map(({ mesh }) => mesh));
  const all = await Promise.all([...meshes].map((mesh) => rotationsOf(input, mesh)));
  return all.flat().map((rotation) => sampleOf(rotation, input.wall()));
}

function sampleOf(
  { mesh, trustDomain, state, old, earliestFinish, leafTtlSeconds, switchedAt, listed, seen }: RotationDetail,
  now: number,
): RotationSample {
  const ca = listed.find(({ fingerprint }) => fingerprint === old);
  const ifNow =
    leafTtlSeconds === undefined ? undefined : now + leafTtlSeconds * 1000 + usualGateOptions.clockSkewMs;
  const finish = earliestFinish === undefined ? undefined : Date.parse(earliestFinish);
  return {
    mesh,
    trustDomain,
    state,
    earliestFinish: switchedAt === undefined ? ifNow : finish,
    oldNotAfter: ca && Date.parse(ca.notAfter),
    oldLastSeen: seen?.old === undefined ? undefined : Date.parse(seen.old),
  };
}
