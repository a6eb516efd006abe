/**
 * Measures the time to parse texts with the maximum number of marks of a document, so that the weights of
 * `countMarks` and the limit of `parse-file.ts` keep one step of a hostile file near 20 ms.
 *
 * Usage: node bench/marks.ts
 */
import { defaultLimits } from '../src/trust/model/limits.ts';
import { readYaml } from '../src/trust/model/read-yaml.ts';
import { countMarks } from '../src/trust/model/split-documents.ts';

const maxMarks = defaultLimits.documentLength / 16;
const rounds = 15;

const keys = (n: number, line: (key: string) => string): string =>
  Array.from({ length: n }, (_, index) => line(`k${index}`)).join('');

const shapes: Readonly<Record<string, (n: number) => string>> = {
  'plain scalars in a flow list': (n) => `a: [${'1,'.repeat(n)}1]`,
  'items of a block list': (n) => `a:\n${'- 1\n'.repeat(n)}`,
  'mappings in a block list': (n) => `a:\n${'- b: 1\n'.repeat(n)}`,
  'keys of a block mapping': (n) => keys(n, (key) => `${key}: 1\n`),
  'keys of a flow mapping': (n) => `a: {${keys(n, (key) => `${key}: 1,`)}}`,
  'keys of JSON': (n) => `{${keys(n, (key) => `"${key}":1,`)}"a":1}`,
  'explicit keys': (n) => `a: [${'? b : c,'.repeat(n)}1]`,
  tags: (n) => `a: [${'!!str 1,'.repeat(n)}1]`,
  anchors: (n) => `a: [${'&a 1,'.repeat(n)}1]`,
  'nested lists': (n) => `a: [${`${'['.repeat(40)}${']'.repeat(40)},`.repeat(Math.ceil(n / 40))}1]`,
  'quoted scalars': (n) => `a: [${'"",'.repeat(n)}""]`,
  escapes: (n) => `a: "${'\\n'.repeat(n)}"`,
  'escapes in single quotes': (n) => `a: '${"''".repeat(n)}'`,
  'lines of a block scalar': (n) => `a: |\n${' x\n'.repeat(n)}`,
  'lines that end in CR': (n) => `a: |\r${' x\r'.repeat(n)}`,
  'items that end in CR': (n) => `a:\r${'- 1\r'.repeat(n)}`,
};

for (const [name, shape] of Object.entries(shapes)) {
  const perItem = countMarks(shape(1000), Infinity) / 1000;
  const text = shape(Math.floor((maxMarks - 10) / perItem));
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    readYaml(text);
    return performance.now() - start;
  }).toSorted((a, b) => a - b);
  const [least = 0, median = 0] = [times[0], times[rounds >> 1]];
  const marks = countMarks(text, Infinity);
  console.log(
    `${name.padEnd(30)} ${String(marks).padStart(6)} marks: ${least.toFixed(1).padStart(5)} ms at least, ` +
      `${median.toFixed(1).padStart(5)} ms median, ${((least * 1000) / marks).toFixed(2)} µs a mark`,
  );
}
