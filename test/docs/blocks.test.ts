import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { loadAll } from 'js-yaml';
import { createProgram } from '../../src/cli/program.ts';
import { blocksOf, trackedFiles } from '../kit/doc-blocks.ts';
import type { Block } from '../kit/doc-blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = trackedFiles('*.md').filter((path) => !path.startsWith('CHANGELOG'));

/** Returns the command lines of the program in a block: the words after its name. */
function commandLines({ language, text }: Block): readonly (readonly string[])[] {
  const lines = text
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap((line) => (language === 'sh' ? line : line.startsWith('$ ') ? line.slice(2) : []));
  return lines.flatMap((line) => {
    const code = line.replace(/(?:^|\s)# .*$/, '');
    return [
      ...code.matchAll(/(?:^|[|;&(]\s*|\$\(|until ! )(?:npx |kubectl )?meshtrust ((?:[^|;&()<>]|<\()*)/g),
    ].map((match) => (match[1] ?? '').trim().split(/\s+/));
  });
}

/** Returns what the program does not know in a command line, if anything. */
function unknownIn(words: readonly string[]): string | undefined {
  const io = {
    args: [],
    env: {},
    stdout: process.stdout,
    stderr: process.stderr,
    signal: AbortSignal.abort(),
  };
  let command: Command = createProgram(io, io, undefined, () => undefined);
  for (const word of words) {
    if (word.startsWith('-') && word !== '-') {
      const name = word.split('=', 1)[0] ?? '';
      const known = command.options.some(({ long, short }) => long === name || short === name);
      const isOfKubectl = ['--namespace', '-n', '--context'].includes(name);
      const isOfAll = ['--help', '-h', '--version', '--'].includes(name);
      if (!known && !isOfKubectl && !isOfAll) return word;
      continue;
    }
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next !== undefined) command = next;
    else if (command.parent === null && /^[a-z-]+$/.test(word) && words[0] === word) return word;
  }
  return undefined;
}

suite('fenced blocks of the documentation', () => {
  let commands = 0;
  let documents = 0;
  for (const page of pages)
    test(`${page}: YAML and JSON parse, and the program knows each command and flag`, async () => {
      const wrong: string[] = [];
      for (const block of blocksOf(await readFile(join(root, page), 'utf8'))) {
        if (block.language === 'yaml') documents += loadAll(block.text).length;
        if (block.language === 'json') JSON.parse(block.text);
        for (const words of commandLines(block)) {
          commands += 1;
          const unknown = unknownIn(words);
          if (unknown !== undefined) wrong.push(`meshtrust ${words.join(' ')}: ${unknown}`);
        }
      }
      assert.deepEqual(wrong, []);
    });

  test('all pages: contain commands and documents', () => {
    assert.ok(commands > 40, `${commands} commands`);
    assert.ok(documents > 5, `${documents} documents`);
  });

  test('an unknown command or flag: is found', () => {
    assert.equal(unknownIn(['wiat', '--mesh', 'a']), 'wiat');
    assert.equal(unknownIn(['wait', '--mseh', 'a']), '--mseh');
    assert.equal(unknownIn(['wait', '--mesh', 'a']), undefined);
    assert.equal(unknownIn(['derive', '-']), undefined, 'the standard input is no flag');
    assert.deepEqual(commandLines({ language: 'sh', text: 'a=$(meshtrust bundle x | jq) # meshtrust no' }), [
      ['bundle', 'x'],
    ]);
  });
});
