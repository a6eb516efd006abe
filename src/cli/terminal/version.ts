import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
  readonly repository?: { readonly url: string };
};

/** The version of the package. */
export const version = manifest.version;

/** Returns where a page of `docs` is: its address for this version, or its path in the package. */
export function documentation(page: string): string {
  const repository = manifest.repository?.url.replace(/^git\+/, '').replace(/\.git$/, '');
  return repository === undefined ? `docs/${page}` : `${repository}/blob/v${version}/docs/${page}`;
}
