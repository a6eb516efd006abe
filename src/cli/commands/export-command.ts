import type { Action } from './command.ts';
import { counted } from '../../text/counted.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerOptions } from '../ask/server-options.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { exportedName, meshTrustData } from '../offline/mesh-trust-text.ts';
import type { ServingOptions } from '../offline/offline-meshes.ts';
import { meshOfFiles, meshOfServers, requireComplete } from '../offline/one-mesh.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { toYaml } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import { writeFindings } from '../terminal/write-findings.ts';

type ExportOptions = FlagOptions<'mesh' | 'trustDomain' | 'forZone' | 'universal' | 'kubeNamespace'> &
  ServingOptions &
  ServerOptions;

/** Prints the trust of a mesh as MeshTrusts for another zone: one for each trust domain, with all of its CAs. */
export const exportTrust: Action<ExportOptions> = async ({ operands: paths, options, io }) => {
  const { trustDomain: only, forZone, universal = false, kubeNamespace } = options;
  const mesh = options.mesh ?? options.defaultMesh;
  const source =
    paths.length > 0
      ? await meshOfFiles(paths, mesh, options, io)
      : meshOfServers(await serverAccess(options, io), mesh, io.signal);
  requireComplete(source, io);
  const listed = await source.listed();
  const { findings } = await source.detail();
  writeFindings(
    io,
    findings.filter(({ severity }) => severity === 'error'),
  );
  const selected = listed.filter(({ name, pems }) => (only ?? name) === name && pems.length > 0);
  if (selected.length === 0) {
    const known = listed.map(({ name }) => name).join(', ') || 'none';
    const what = only === undefined ? 'a CA certificate' : `a CA certificate of trust domain ${only}`;
    throw new CommandError(exitCode.negative, `mesh ${mesh} does not list ${what} (trust domains: ${known})`);
  }
  // The admission webhook of a federated zone refuses resources of users without these labels.
  const labels = forZone === undefined ? undefined : { 'kuma.io/origin': 'zone', 'kuma.io/zone': forZone };
  const documents = selected.map(({ name, pems }) =>
    meshTrustData({
      mesh,
      namespace: universal ? '' : kubeNamespace,
      name: exportedName(mesh, name),
      labels,
      trustDomain: name,
      pems,
    }),
  );
  io.stdout.write(documents.map(toYaml).join('---\n'));
  const count = selected.reduce((sum, { pems }) => sum + pems.length, 0);
  const names = selected.map(({ name }) => name).join(', ');
  say(io, `mesh ${mesh}: ${counted(count, 'CA certificate')} of ${names}`);
  return exitCode.ok;
};
