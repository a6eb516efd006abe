/**
 * Length of the code of each symbol, in bits; the last symbol is EOS (RFC 7541, appendix B). The code is canonical:
 * ordered by length and then by symbol, each code is the previous code plus one. So the lengths determine the codes.
 */
const huffmanLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const endOfString = 256;

/** Flags of an entry of the table. */
const step = { emits: 0x1, accepts: 0x2, fails: 0x4 } as const;

/**
 * The automaton of the decoder, which reads four bits per step. Entry `state * 16 + nibble` has the flags in bits 0 to
 * 7, the emitted symbol in bits 8 to 15, and the next state from bit 16 on. A code has at least five bits, so a step
 * emits at most one symbol. The states are the inner nodes of the code's tree; state 0 is the root.
 */
const table = buildTable();

/**
 * Decodes the Huffman-coded string `source[from, to)` as Latin-1 (RFC 7541, section 5.2). Returns `undefined` if the
 * string contains EOS, or if its padding has 8 or more bits or a bit that is 0.
 */
export function decodeHuffman(source: Uint8Array, from: number, to: number): string | undefined {
  let state = 0;
  let entry: number = step.accepts;
  let length = 0;
  const target = scratchFor(2 * (to - from));
  for (let at = from; at < to; at += 1) {
    const byte = source[at] ?? 0;
    for (let shift = 4; shift >= 0; shift -= 4) {
      entry = table[state * 16 + ((byte >> shift) & 0xf)] ?? step.fails;
      if ((entry & step.fails) !== 0) return undefined;
      if ((entry & step.emits) !== 0) {
        target[length] = (entry >> 8) & 0xff;
        length += 1;
      }
      state = entry >>> 16;
    }
  }
  return (entry & step.accepts) === 0 ? undefined : target.toString('latin1', 0, length);
}

let scratch = Buffer.allocUnsafeSlow(4096);

/** Returns a buffer for the decoded string. All calls share it, because each copies its text out before it returns. */
function scratchFor(length: number): Buffer {
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length);
  return scratch;
}

interface Node {
  readonly id: number;
  readonly depth: number;
  /** True if all bits of the path to this node are ones, so that the string may end here in padding. */
  readonly allOnes: boolean;
  readonly children: [Node | number | undefined, Node | number | undefined];
}

function buildTable(): Uint32Array {
  const nodes = buildTree();
  const [root] = nodes;
  const entries = new Uint32Array(nodes.length * 16);
  for (const start of nodes) {
    for (let nibble = 0; nibble < 16; nibble += 1) {
      let node = start;
      let flags = 0;
      let symbol = 0;
      for (let bit = 3; bit >= 0 && flags !== step.fails; bit -= 1) {
        const next = node.children[(nibble >> bit) & 1];
        if (next === undefined || next === endOfString) flags = step.fails;
        else if (typeof next === 'number') {
          flags = step.emits;
          symbol = next;
          node = root;
        } else node = next;
      }
      if (flags !== step.fails && node.depth < 8 && node.allOnes) flags |= step.accepts;
      entries[start.id * 16 + nibble] = (node.id << 16) | (symbol << 8) | flags;
    }
  }
  return entries;
}

/** Returns the nodes of the tree of the canonical code, the root first. */
function buildTree(): [Node, ...Node[]] {
  const root: Node = { id: 0, depth: 0, allOnes: true, children: [undefined, undefined] };
  const nodes: [Node, ...Node[]] = [root];
  const symbols = [...huffmanLengths.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  let code = 0;
  let length = 0;
  for (const symbol of symbols) {
    code *= 2 ** (lengthOf(symbol) - length);
    length = lengthOf(symbol);
    addLeaf(nodes, code, length, symbol);
    code += 1;
  }
  return nodes;
}

function addLeaf(nodes: [Node, ...Node[]], code: number, length: number, symbol: number): void {
  let [node] = nodes;
  for (let bit = length - 1; bit >= 0; bit -= 1) {
    const branch = (code >>> bit) & 1 ? 1 : 0;
    if (bit === 0) {
      node.children[branch] = symbol;
      return;
    }
    let next = node.children[branch];
    if (typeof next !== 'object') {
      const depth = node.depth + 1;
      next = {
        id: nodes.length,
        depth,
        allOnes: node.allOnes && branch === 1,
        children: [undefined, undefined],
      };
      node.children[branch] = next;
      nodes.push(next);
    }
    node = next;
  }
}

function lengthOf(symbol: number): number {
  return huffmanLengths[symbol] ?? 0;
}
