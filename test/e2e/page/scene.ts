import { writeFile } from 'node:fs/promises';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { openBrowser } from './browser.ts';
import type { Browser } from './browser.ts';
import { findChromium } from './find-chromium.ts';

/** The CA of trust domain `a.test`, which every scene serves. */
export const root = makeCa({ commonName: 'Root 1' });

/** Writes the MeshTrust of a trust domain. */
export const put = (
  dir: TempDir,
  trustDomain: string,
  pems: readonly string[],
  mesh?: string,
): Promise<void> =>
  writeFile(
    dir.join(`${trustDomain}.yaml`),
    meshTrustYaml({ name: trustDomain.replaceAll('.', '-'), trustDomain, pems, ...(mesh && { mesh }) }),
  );

export interface Scene extends AsyncDisposable {
  readonly dir: TempDir;
  readonly server: Meshtrust;
  readonly browser: Browser;
  /** Waits until the page says this somewhere; fails with what it says instead. */
  readonly says: (text: string | RegExp, timeoutMs?: number) => Promise<void>;
}

/** A server with some trust, and the page of it in a browser. */
export async function openPage(
  args: readonly string[] = [],
  before: (server: Meshtrust) => Promise<void> = () => Promise.resolve(),
  view = '#/mesh/default',
): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  await put(dir, 'a.test', [root.certPem]);
  const server = stack.use(await startMeshtrust({ dirs: [dir.path], args }));
  const browser = stack.use(await openBrowser(await findChromium()));
  await before(server);
  await browser.page.goto(`http://127.0.0.1:${server.adminPort}/${view}`);
  await browser.page.waitForSelector('main h2');
  const owned = stack.move();
  const text = (): Promise<string> => browser.page.$eval('body', (body) => body.innerText);
  return {
    dir,
    server,
    browser,
    async says(wanted, timeout = 15_000) {
      const { source, flags } = typeof wanted === 'string' ? new RegExp(RegExp.escape(wanted)) : wanted;
      try {
        await browser.page.waitForFunction(
          (pattern: string, mode: string) => new RegExp(pattern, mode).test(document.body.innerText),
          { timeout },
          source,
          flags,
        );
      } catch (error) {
        throw new Error(`the page does not say ${String(wanted)}, but:\n${await text()}`, { cause: error });
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
