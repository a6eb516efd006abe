import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTempDir } from '../kit/temp-dir.ts';

const root = new URL('../../', import.meta.url);
const oxlint = fileURLToPath(new URL('node_modules/.bin/oxlint', root));

/**
 * Runs the linter on these texts, by path in `src`, with the configuration of the repository. Returns, by path, the
 * lines (from 0) that the rule refuses.
 */
export async function refusedLines(
  rule: string,
  files: ReadonlyMap<string, readonly string[]>,
): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  await using dir = await makeTempDir();
  await copyFile(new URL('.oxlintrc.json', root), dir.join('.oxlintrc.json'));
  await cp(new URL('scripts/lint', root), dir.join('scripts/lint'), { recursive: true });
  for (const [path, lines] of files) {
    await mkdir(dirname(dir.join('src', path)), { recursive: true });
    await writeFile(dir.join('src', path), `${lines.join('\n')}\n`);
  }
  const output = await new Promise<string>((resolve) => {
    // The exit code is 1, because the linter reports errors.
    execFile(oxlint, ['--format', 'json', 'src'], { cwd: dir.path, maxBuffer: 2 ** 26 }, (_, stdout) =>
      resolve(stdout),
    );
  });
  const { diagnostics } = JSON.parse(output) as {
    readonly diagnostics: readonly {
      readonly code: string;
      readonly filename: string;
      readonly labels: readonly { readonly span: { readonly line: number } }[];
    }[];
  };
  const refused = new Map([...files.keys()].map((path) => [path, new Set<number>()]));
  for (const { code, filename, labels } of diagnostics)
    if (code === `meshtrust(${rule})`)
      refused.get(filename.replace(/^src\//, ''))?.add((labels[0]?.span.line ?? 0) - 1);
  return refused;
}
