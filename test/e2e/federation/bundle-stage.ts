import { writeFile } from 'node:fs/promises';
import type { Certificate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';

export interface BundleStageOptions {
  readonly profile: 'web' | 'spiffe';
  readonly leaf: Certificate;
  /** The first certificates, by trust domain. */
  readonly trust: Readonly<Record<string, readonly Certificate[]>>;
  readonly args?: readonly string[];
  /** The value of `--bundle-serve`; all trust domains of the default mesh if it is absent. */
  readonly serve?: string;
}

/** A running meshtrust that publishes trust domains of the default mesh. */
export interface BundleStage extends AsyncDisposable {
  /** The running server; another one after a restart. */
  server: Meshtrust;
  /** Ends with a slash; a trust domain follows. */
  readonly url: string;
  readonly join: (name: string) => string;
  /** Writes another file beside those of the trust domains. */
  readonly put: (name: string, text: string) => Promise<void>;
  /** Lists these certificates of a trust domain, or none. */
  readonly list: (trustDomain: string, certificates: readonly Certificate[]) => Promise<void>;
  /**
   * Ends the server, and starts it again with the same state directory, and with further arguments if there are any.
   */
  readonly restart: (more?: readonly string[]) => Promise<void>;
  /** Replaces the certificate of the endpoint, and waits until it is used. */
  readonly renew: (leaf: Certificate) => Promise<void>;
}

export async function startBundleStage({
  profile,
  leaf,
  trust,
  args = [],
  serve = 'default/*',
}: BundleStageOptions): Promise<BundleStage> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const tls = watchedDir(dir.join('tls'));
  const files = watchedDir(dir.join('trust'));
  const list: BundleStage['list'] = (trustDomain, certificates) => {
    const name = `${trustDomain.replaceAll('.', '-')}.yaml`;
    const pems = certificates.map(({ certPem }) => certPem);
    return certificates.length === 0
      ? files.remove(name)
      : files.put(name, meshTrustYaml({ name: trustDomain.replaceAll('.', '-'), trustDomain, pems }));
  };
  const put = async ({ certPem, keyPem }: Certificate): Promise<void> => {
    await tls.put('tls.key', keyPem);
    await tls.put('tls.crt', certPem);
  };
  await put(leaf);
  for (const [trustDomain, certificates] of Object.entries(trust)) await list(trustDomain, certificates);
  const port = await freePort();
  const start = (more: readonly string[] = []): Promise<Meshtrust> =>
    startMeshtrust({
      dirs: [dir.join('trust')],
      args: [
        `--bundle-listen=127.0.0.1:${port}`,
        `--bundle-profile=${profile}`,
        `--bundle-cert=${dir.join('tls', 'tls.crt')}`,
        `--bundle-key=${dir.join('tls', 'tls.key')}`,
        `--bundle-serve=${serve}`,
        `--state-dir=${dir.join('state')}`,
        ...args,
        ...more,
      ],
    });
  const first = await start();
  const owned = stack.move();
  let renewals = 0;
  const stage: BundleStage = {
    server: first,
    url: `https://localhost:${port}/`,
    join: dir.join,
    put: files.put,
    list,
    async restart(more) {
      await stage.server.stop();
      stage.server = await start(more);
      renewals = 0;
    },
    async renew(next) {
      renewals += 1;
      await put(next);
      await stage.server.logged('the renewed certificate', () => {
        const loaded = stage.server.logs().filter(({ event }) => event === 'tls-loaded');
        return loaded.length > renewals;
      });
    },
    async [Symbol.asyncDispose]() {
      await stage.server[Symbol.asyncDispose]();
      await owned.disposeAsync();
    },
  };
  return stage;
}

/** Writes a text to a file of the stage, and returns its path. */
export async function keepFile(stage: BundleStage, name: string, text: string): Promise<string> {
  const path = stage.join(name);
  await writeFile(path, text);
  return path;
}
