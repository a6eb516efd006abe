/**
 * Deletes from a production `node_modules` the files that the program never loads:
 *
 *     node scripts/slim-modules.ts FOLDER    # FOLDER has package.json and node_modules
 *
 * The image and the executable use it. Most of the saving is the generated API of `@kubernetes/client-node` (60 MB on
 * disk with its types), which the client's `config.js` imports but only uses to make API clients
 * (docs/adr/0010-dependencies.md).
 */
import { existsSync } from 'node:fs';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Types, source maps and readmes, but not licences. Node.js reads none of them. */
const needless = /(?:\.d\.[cm]?ts|\.map|(?<!licen[cs]e)\.md)$/i;
const client = '@kubernetes/client-node';
/** The part of the client that the program uses. */
const entry = 'config.js';
/** A package that the client only uses to send requests of the generated API. */
const unused = 'undici';

const readJson = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, 'utf8')) as T;

/** Slims the `node_modules` of `folder`. */
export async function slimModules(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules');
  await slimClient(join(modules, client));
  await deleteUnreachable(folder, modules);
  // npm's own files name packages that are gone.
  for (const name of ['.bin', '.package-lock.json'])
    await rm(join(modules, name), { recursive: true, force: true });
  for (const path of await filesIn(modules)) if (needless.test(path)) await rm(path);
  // Fails if an import of the client has no target any more.
  await import(pathToFileURL(join(modules, client, 'dist', 'index.js')).href);
}

/**
 * Reduces the client to `config.js` and the files that it imports. Each module of the generated API that one of them
 * imports, and `undici`, becomes a module whose exports throw an error when they are called.
 */
async function slimClient(folder: string): Promise<void> {
  const dist = join(folder, 'dist');
  const kept = new Set([join(dist, entry), join(dist, 'index.js')]);
  const stubs = new Map<string, Set<string>>();
  const packages = new Set<string>();
  await writeFile(join(dist, 'index.js'), `export * from './${entry}';\n`);
  // The set grows while the loop runs.
  for (const file of kept) {
    if (!file.endsWith('.js')) continue;
    const text = await readFile(file, 'utf8');
    for (const { names, from } of importsOf(text, file)) {
      const path = from === unused ? join(dist, 'gen', `${unused}.js`) : join(dirname(file), from);
      if (!from.startsWith('.') && from !== unused) packages.add(packageOf(from));
      else if (!relative(dist, path).startsWith('gen/')) kept.add(path);
      else stubs.set(path, (stubs.get(path) ?? new Set()).union(new Set(namesOf(names, file))));
    }
    await writeFile(file, text.replaceAll(`from '${unused}'`, `from './gen/${unused}.js'`));
  }
  for (const path of await filesIn(dist)) if (!kept.has(path) && !stubs.has(path)) await rm(path);
  for (const [path, names] of stubs) await writeFile(path, stubOf([...names]));
  const manifest = await readJson<Manifest>(join(folder, 'package.json'));
  const dependencies = Object.fromEntries(
    Object.entries(manifest.dependencies ?? {}).filter(([name]) => packages.has(name)),
  );
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, dependencies }, null, 2));
}

interface Import {
  /** The text between `import` or `export` and `from`. */
  readonly names: string;
  readonly from: string;
}

/** Returns the imports of a file in the form that the TypeScript compiler writes. */
function importsOf(text: string, file: string): readonly Import[] {
  if (/\b(?:import|require)\s*\(/.test(text)) throw new Error(`${file} loads modules when it runs`);
  const found = [
    ...text.matchAll(/^(?:import|export)\s+(?<names>[^;'"]*?)(?:\s*from\s*)?'(?<from>[^']+)'/gm),
  ];
  return found.map(({ groups }) => ({ names: groups?.['names'] ?? '', from: groups?.['from'] ?? '' }));
}

/** Returns the names of `{ a, b as c }`, as the imported module exports them. */
function namesOf(names: string, file: string): readonly string[] {
  const list = /^\{(?<list>[\w\s,$]*)\}$/.exec(names)?.groups?.['list'];
  if (list === undefined) throw new Error(`${file} imports ${names} of the generated API`);
  return [...list.matchAll(/(?:^|,)\s*(?<name>[\w$]+)/g)].map(({ groups }) => groups?.['name'] ?? '');
}

function stubOf(names: readonly string[]): string {
  return `function absent() {
  throw new Error('this installation does not contain the generated API of ${client}');
}
export { ${names.map((name) => `absent as ${name}`).join(', ')} };
`;
}

/** Returns the package of a module: `@scope/name/file.js` is in `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Deletes packages that no package needs any more, and packages of types. */
async function deleteUnreachable(root: string, modules: string): Promise<void> {
  const reached = new Set([root]);
  for (const folder of reached) {
    const manifest = await readJson<Manifest>(join(folder, 'package.json'));
    for (const name of Object.keys({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.peerDependencies,
    })) {
      const found = resolvePackage(name, folder, root);
      if (found !== undefined && !name.startsWith('@types/')) reached.add(found);
    }
  }
  for (const folder of await packagesIn(modules)) {
    // An unreachable package may contain packages, but no other package can reach those.
    if (!reached.has(folder)) await rm(folder, { recursive: true, force: true });
  }
}

/** Returns the folder that Node.js finds for a package, if it is installed. */
function resolvePackage(name: string, from: string, root: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return path;
    if (folder === root) return undefined;
  }
}

/** Returns the folders of all packages below a `node_modules`, nested ones included. */
async function packagesIn(modules: string): Promise<readonly string[]> {
  const names = await readdir(modules, { withFileTypes: true });
  const found: string[] = [];
  for (const { name } of names.filter((one) => one.isDirectory() && !one.name.startsWith('.'))) {
    const path = join(modules, name);
    if (name.startsWith('@')) found.push(...(await packagesIn(path)));
    else found.push(path);
    const nested = join(path, 'node_modules');
    if (existsSync(nested)) found.push(...(await packagesIn(nested)));
  }
  return found;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((one) => one.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: node scripts/slim-modules.ts FOLDER');
  await slimModules(folder);
}
