import { fileWith } from './broken-input.ts';
import type { BrokenInput, Healthy } from './broken-input.ts';

const whole = (healthy: Healthy) => fileWith(healthy, healthy.pem);
const appended = (tail: string) => (healthy: Healthy) => whole(healthy) + tail;

/** Levels of ten references each to the level below: 10^9 values from a few lines. */
const aliasBomb = [
  'a0: &a0 [x]',
  ...Array.from({ length: 9 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(10)}]`),
].join('\n');

const files: Readonly<Record<string, (healthy: Healthy) => string | Uint8Array>> = {
  'an empty file': () => '',
  'a file of blanks': () => '\n  \n',
  'a file of comments': () => '# to be done\n',
  'a document marker alone': () => '---\n',
  'a file cut in the middle': (healthy) => whole(healthy).slice(0, 240),
  'a tab for indentation': (healthy) => whole(healthy).replace('  trustDomain', '\ttrustDomain'),
  'wrong indentation': (healthy) => whole(healthy).replace('  caBundles', '   caBundles'),
  'an unclosed quote': (healthy) => whole(healthy).replace('trustDomain: "', "trustDomain: '"),
  'a key twice': appended('spec: {}\n'),
  'an alias that names nothing': appended('labels: *nothing\n'),
  'an alias bomb': (healthy) => `${whole(healthy)}${aliasBomb}\n`,
  'merge conflict markers': (healthy) =>
    `<<<<<<< HEAD\n${whole(healthy)}=======\n${whole(healthy)}>>>>>>> main\n`,
  'a template that was not filled in': (healthy) =>
    whole(healthy).replace(/"[^"]+"/, '{{ .Values.trustDomain }}'),
  'a broken second document': appended('---\ntype: MeshTrust\nname: [\n'),
  'a document that is a word': () => 'TODO\n',
  'a document that is a list': () => '- type: MeshTrust\n',
  'an error page': () => '<html><body><h1>502 Bad Gateway</h1></body></html>\n',
  'JSON cut short': (healthy) => JSON.stringify({ type: 'MeshTrust', spec: healthy }).slice(0, -20),
  'bytes that are not text': () => Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff, 0xfe, 0x80, 0, 1]),
  'NUL bytes after the end': (healthy) => Buffer.concat([Buffer.from(whole(healthy)), Buffer.alloc(64)]),
  'a trust domain that is not UTF-8': (healthy) =>
    Buffer.from(whole(healthy).replace(`"${healthy.trustDomain}"`, '"m\u00fcller.test"'), 'latin1'),
};

/** Damaged files, no part of which can be relied on. */
export const brokenYaml: readonly BrokenInput[] = Object.entries(files).map(([name, file]) => ({
  name,
  file,
  ca: 'lost',
}));
