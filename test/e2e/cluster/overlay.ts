import { realpath, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';

/** The folder of the manifests. */
export const manifests: string = fileURLToPath(new URL('../../../deploy/kustomize', import.meta.url));

/** Makes a folder with an overlay of the manifests that adds these components, for `kubectl kustomize`. */
export async function makeOverlay(...components: readonly string[]): Promise<TempDir> {
  const overlay = await makeTempDir();
  const base = relative(await realpath(overlay.path), manifests);
  const kustomization = { resources: [base], components: components.map((name) => `${base}/${name}`) };
  await writeFile(overlay.join('kustomization.yaml'), JSON.stringify(kustomization));
  return overlay;
}
