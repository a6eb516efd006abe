import { binaries, startEnvoys } from '../../kit/both-envoys.ts';
import { transports } from '../../kit/envoy-bootstrap.ts';
import type { Envoy, EnvoyOptions } from '../../kit/envoy.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust, MeshtrustOptions } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import type { WatchedDir } from '../../kit/watched-dir.ts';

export interface StageOptions extends Omit<MeshtrustOptions, 'dirs'> {
  /** The initial files of the watched directory, by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly envoy?: Omit<Partial<EnvoyOptions>, 'path' | 'xdsPort' | 'transport'>;
}

/** The program, a directory that it watches, and Envoys that it serves. */
export interface Stage extends AsyncDisposable {
  readonly files: WatchedDir;
  readonly dir: string;
  readonly meshtrust: Meshtrust;
  readonly envoys: readonly Envoy[];
}

/** Starts the program and, when it is ready, both Envoys in each of the four transports. */
export async function startStage({ files, envoy, ...options }: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const watched = watchedDir(dir.path);
  for (const [name, text] of Object.entries(files)) await watched.put(name, text);
  const meshtrust = stack.use(await startMeshtrust({ dirs: [dir.path], ...options }));
  const envoys = await startEnvoysOfAllTransports(stack, meshtrust.xdsPort, envoy);
  const owned = stack.move();
  return {
    files: watched,
    dir: dir.path,
    meshtrust,
    envoys,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts both Envoys in each transport. They end with the stack. */
export function startEnvoysOfAllTransports(
  stack: AsyncDisposableStack,
  xdsPort: number,
  options: StageOptions['envoy'] = {},
): Promise<readonly Envoy[]> {
  const kinds = binaries.flatMap(({ path, version }) =>
    transports.map((transport) => ({
      path,
      transport,
      xdsPort,
      nodeId: `${transport}-${version}`,
      ...options,
    })),
  );
  return startEnvoys(stack, kinds);
}
