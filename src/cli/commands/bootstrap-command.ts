import { isIP } from 'node:net';
import type { Command } from 'commander';
import { parseListenAddress } from '../../net/listen-address.ts';
import type { ListenAddress } from '../../net/listen-address.ts';
import { envoyBootstrap } from '../bootstrap/envoy-bootstrap.ts';
import type { BootstrapTls } from '../bootstrap/envoy-bootstrap.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { flag } from '../flags/flags.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { say } from '../terminal/terminal.ts';
import { toJson, toYaml } from '../terminal/output.ts';

type BootstrapOptions = FlagOptions<
  | 'nodeId'
  | 'nodeCluster'
  | 'mesh'
  | 'defaultMesh'
  | 'transport'
  | 'secret'
  | 'xdsAddress'
  | 'xdsCa'
  | 'xdsName'
  | 'xdsCert'
  | 'xdsKey'
  | 'proxyListen'
  | 'proxyAdmin'
  | 'proxyCert'
  | 'proxyKey'
  | 'output'
>;

const flags = [
  'nodeId',
  'nodeCluster',
  'mesh',
  'defaultMesh',
  'transport',
  'secret',
  'xdsAddress',
  'xdsCa',
  'xdsName',
  'xdsCert',
  'xdsKey',
  'proxyListen',
  'proxyAdmin',
  'proxyCert',
  'proxyKey',
  'output',
] as const;

/** What the YAML begins with; nothing of the options, which could end the comment. */
const heading = `# Made by meshtrust bootstrap. Keep set_node_on_first_message_only (a request is 61 KB otherwise), the keepalive
# (a control plane that is gone goes unnoticed otherwise), and the default context, which trusts nobody.
`;

/** `meshtrust bootstrap`: a configuration with which an Envoy takes its trust from this control plane. */
export function addBootstrapCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('bootstrap')
    .description('print an Envoy bootstrap (YAML) for this control plane: a listener that its trust guards');
  for (const name of flags) command.addOption(flag(name));
  command.action((options: BootstrapOptions) => {
    const { nodeId, output } = options;
    if (nodeId === undefined) {
      throw new CommandError(exitCode.usage, 'say what the proxy is to be called: --node-id NAME');
    }
    if (options.secret === '') {
      throw new CommandError(exitCode.usage, '--secret: Envoy asks for a secret by its name');
    }
    const mesh = options.mesh ?? options.defaultMesh;
    const bootstrap = envoyBootstrap({
      nodeId,
      cluster: options.nodeCluster ?? mesh,
      mesh,
      transport: options.transport,
      secret: options.secret,
      xds: serverAddress(options.xdsAddress),
      tls: tlsOf(options),
      listen: ownAddress('--proxy-listen', options.proxyListen),
      admin: ownAddress('--proxy-admin', options.proxyAdmin),
      identity: { cert: options.proxyCert, key: options.proxyKey },
    });
    io.stdout.write(output === 'json' ? toJson(bootstrap) : heading.concat(toYaml(bootstrap)));
    say(io, `the listener at ${options.proxyListen} shows ${options.proxyCert} (--proxy-cert, --proxy-key)`);
    done(exitCode.ok);
  });
}

function tlsOf(options: BootstrapOptions): BootstrapTls | undefined {
  const { xdsAddress, xdsCa: ca, xdsCert: cert, xdsKey: key, xdsName } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new CommandError(
      exitCode.usage,
      'a certificate for the control plane needs both --xds-cert and --xds-key',
    );
  }
  if (ca === undefined) {
    if (cert === undefined && xdsName === undefined) return undefined;
    // Without authorities Envoy would take anybody for the control plane.
    throw new CommandError(exitCode.usage, 'TLS to the control plane needs --xds-ca');
  }
  const address = parseListenAddress(xdsAddress);
  const serverName = xdsName ?? (address.kind === 'tcp' ? address.host : undefined);
  if (serverName === undefined) {
    throw new CommandError(exitCode.usage, 'TLS over a socket needs the name in the certificate: --xds-name');
  }
  const identity = cert === undefined || key === undefined ? undefined : { cert, key };
  return { ca, serverName, identity };
}

/** Where a server listens may be anywhere; what is connected to is a place. */
function serverAddress(text: string): ListenAddress {
  const address = parseListenAddress(text);
  if (address.kind === 'unix') return address;
  if (address.port === 0) {
    throw new CommandError(
      exitCode.usage,
      '--xds-address: nobody listens on port 0; give that of the server',
    );
  }
  if (everywhere.includes(address.host)) {
    const text = `--xds-address: ${address.host} is where a server listens; give a name or an address of it`;
    throw new CommandError(exitCode.usage, text);
  }
  return address;
}

/** All addresses of a machine, of IPv4 and of IPv6. */
const everywhere: readonly string[] = ['0.0.0.0', '::'];

/** Envoy binds to addresses, not to names. */
function ownAddress(name: string, text: string): ListenAddress {
  const address = parseListenAddress(text);
  if (address.kind === 'tcp' && isIP(address.host) === 0) {
    throw new CommandError(exitCode.usage, `${name}: Envoy listens on an IP address, not on ${address.host}`);
  }
  return address;
}
