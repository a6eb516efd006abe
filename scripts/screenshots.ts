/**
 * Takes the pictures of the page in the README from a running server with proxies: `node scripts/screenshots.ts`.
 * Needs Chromium, as the tests do (CONTRIBUTING.md).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openBrowser } from '../test/e2e/page/browser.ts';
import { findChromium } from '../test/e2e/page/find-chromium.ts';
import { playProxies } from '../test/e2e/page/played-proxies.ts';
import { makeCa } from '../test/kit/certificates.ts';
import { meshTrustYaml } from '../test/kit/mesh-trust-text.ts';
import { startMeshtrust } from '../test/kit/meshtrust.ts';
import { makeTempDir } from '../test/kit/temp-dir.ts';

const folder = fileURLToPath(new URL('../docs/images', import.meta.url));
const day = 86_400_000;

/** Days until a CA expires, by its common name. */
type Cas = Readonly<Record<string, number>>;

/** Trust of three meshes, one of which has a CA that expires soon. */
const trust: readonly (readonly [mesh: string, trustDomain: string, cas: Cas])[] = [
  ['default', 'payments.example', { 'Payments CA 2025': 200 }],
  ['default', 'zone-2.example', { 'Zone 2 CA': 1500 }],
  ['edge', 'edge.example', { 'Edge CA': 2800 }],
  ['partners', 'partners.example', { 'Partners CA': 12, 'Partners CA 2027': 420 }],
];

const pems = new Map<string, string>();

/** Returns the certificate of a CA, the same for the same name. */
function pemOf(commonName: string, days: number): string {
  const notBefore = new Date(Date.now() - 90 * day);
  const notAfter = new Date(Date.now() + days * day);
  const pem = pems.get(commonName) ?? makeCa({ commonName, notBefore, notAfter }).certPem;
  pems.set(commonName, pem);
  return pem;
}

function write(join: (name: string) => string, mesh: string, trustDomain: string, cas: Cas): Promise<void> {
  const name = trustDomain.replaceAll('.', '-');
  const text = { name, trustDomain, pems: Object.entries(cas).map((ca) => pemOf(...ca)), mesh };
  return writeFile(join(`${name}.yaml`), meshTrustYaml(text));
}

if (import.meta.main) {
  await using dir = await makeTempDir();
  const join = (name: string): string => dir.join(name);
  for (const [mesh, trustDomain, cas] of trust) await write(join, mesh, trustDomain, cas);
  await using server = await startMeshtrust({ dirs: [dir.path] });
  using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 24);
  await using browser = await openBrowser(await findChromium());
  const { page } = browser;
  const says = (text: string) =>
    page.waitForFunction(`document.body.innerText.includes(${JSON.stringify(text)})`);
  await page.setViewport({ width: 1200, height: 800, deviceScaleFactor: 1 });
  await mkdir(folder, { recursive: true });
  proxies.acknowledge(() => true);
  await page.goto(`http://127.0.0.1:${server.adminPort}/`);
  await says('24 of 24 proxies in sync');
  // A second CA, as at the beginning of a rotation.
  await write(join, 'default', 'payments.example', { 'Payments CA 2025': 200, 'Payments CA 2026': 900 });
  await says('24 proxies in ');
  for (const scheme of ['light', 'dark']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.reload();
    await says('24 proxies in ');
    await page.screenshot({ path: `${folder}/page-${scheme}.png` });
    console.log(`docs/images/page-${scheme}.png`);
  }
}
