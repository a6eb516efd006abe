import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pureFiles, pureModules, pureNames, pureRooms, rooms } from './rooms.ts';

/** The fields of a node of the syntax tree (ESTree) that these rules read. */
interface SyntaxNode {
  readonly type: string;
  readonly name?: string;
  readonly value?: unknown;
  readonly computed?: boolean;
  readonly parent?: SyntaxNode;
  readonly importKind?: string;
  readonly exportKind?: string;
  readonly source?: SyntaxNode | null;
  readonly specifiers?: readonly SyntaxNode[];
  readonly imported?: SyntaxNode;
  readonly local?: SyntaxNode;
  readonly operator?: string;
  readonly object?: SyntaxNode;
  readonly property?: SyntaxNode;
  readonly callee?: SyntaxNode;
  readonly arguments?: readonly SyntaxNode[];
}

interface Position {
  /** Counts from 1. */
  readonly line: number;
  readonly column: number;
}

interface Range {
  readonly start: Position;
  readonly end: Position;
}

interface RuleContext {
  readonly filename: string;
  readonly sourceCode: {
    readonly lines: readonly string[];
    getAllComments(): readonly { readonly loc: Range }[];
  };
  report(problem: { readonly node: SyntaxNode; readonly message: string }): void;
  report(problem: { readonly loc: Range; readonly message: string }): void;
}

type Visitor = Readonly<Record<string, (node: SyntaxNode) => void>>;

const source = fileURLToPath(new URL('../../src', import.meta.url));
const matrix = 'scripts/lint/rooms.ts';

/**
 * Returns the room of a file below `src`: the longest listed folder that contains it, or `''` for `src`. `undefined`
 * outside of `src`.
 */
function roomOf(file: string): string | undefined {
  const path = relative(source, file);
  if (path.startsWith('..')) return undefined;
  let folder = dirname(path);
  while (folder !== '.' && !(folder in rooms)) folder = dirname(folder);
  return folder === '.' ? '' : folder;
}

/** Returns the reason why `from` must not import `to`, or `undefined` if it may. Both are absolute paths. */
function refuseImport(from: string, to: string): string | undefined {
  const room = roomOf(from);
  if (room === undefined) return undefined;
  const path = relative(source, from);
  if (room === '' && dirname(path) !== '.') return `src/${path} is in no room: list its folder in ${matrix}`;
  const target = roomOf(to);
  if (target === room) return undefined;
  if (target === undefined) return 'src may not import from outside of src';
  const allowed = rooms[room] ?? [];
  if (!allowed.includes(target))
    return `${room || 'main.ts'} may not import from ${target || 'main.ts'}, only from: ${[...new Set(allowed)].join(', ') || 'no room'} (${matrix})`;
  if (target === 'xds' && relative(source, to) !== 'xds/index.ts')
    return 'import the xDS library by its entry, xds/index.ts';
  return undefined;
}

/** Calls `visit` with the specifier of each import and re-export of a module. */
function eachImport(visit: (specifier: string, node: SyntaxNode) => void): Visitor {
  const check = (node: SyntaxNode): void => {
    if (typeof node.source?.value === 'string') visit(node.source.value, node);
  };
  return {
    ImportDeclaration: check,
    ExportNamedDeclaration: check,
    ExportAllDeclaration: check,
    ImportExpression: check,
  };
}

/** Rule `meshtrust/rooms`: a module imports only from the rooms that its own room may import from. */
const roomsRule = {
  create(context: RuleContext): Visitor {
    return eachImport((specifier, node) => {
      if (!specifier.startsWith('.')) return;
      const message = refuseImport(context.filename, resolve(dirname(context.filename), specifier));
      if (message !== undefined) context.report({ node, message });
    });
  },
};

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];
const surroundings = [
  'console',
  'process',
  'performance',
  'fetch',
  'WebSocket',
  'crypto',
  'global',
  'globalThis',
  'require',
];
const impureGlobals = new Set([...timers, ...surroundings]);
const impureMembers = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout', 'Temporal.Now']);
/** The globals with impure members. They must keep their names, because the rule finds those members by name. */
const partlyPureGlobals = new Set([...impureMembers].map((member) => member.replace(/\..*/, '')));

/** True if an identifier refers to a variable, and is not the name of a property, field or type. */
function isReference(node: SyntaxNode): boolean {
  const { parent } = node;
  if (parent === undefined) return false;
  if (parent.type === 'MemberExpression') return parent.object === node || parent.computed === true;
  if (parent.type === 'Property') return parent.value === node;
  return !/^(TS|Import|Export|MethodDefinition|PropertyDefinition)/.test(parent.type);
}

/** True for a global that is used only by the name of a member, by `new` or by `instanceof`. */
function isUsedByMember(node: SyntaxNode): boolean {
  const { parent } = node;
  if (parent?.type === 'MemberExpression') return parent.object === node && parent.computed !== true;
  if (parent?.type === 'BinaryExpression') return parent.operator === 'instanceof';
  return parent?.type === 'NewExpression' && parent.callee === node;
}

/** True for a file of a pure room, or a listed one. */
function isPure(file: string): boolean {
  return pureRooms.includes(roomOf(file) ?? '') || pureFiles.includes(relative(source, file));
}

/** Returns what an import takes from a module that a pure room may import in part, and must not. */
function refusedNames(specifier: string, node: SyntaxNode): readonly string[] {
  const allowed = pureNames[specifier];
  if (allowed === undefined) return [];
  if (node.type === 'ExportAllDeclaration') return ['all'];
  return (node.specifiers ?? []).flatMap((part) => {
    const taken = part.type === 'ExportSpecifier' ? part.local : part.imported;
    const name = taken === undefined ? 'all' : (taken.name ?? String(taken.value));
    return part.importKind === 'type' || allowed.includes(name) ? [] : [name];
  });
}

/** Rule `meshtrust/pure`: a pure room does no I/O and reads no clock, timer, randomness or environment. */
const pureRule = {
  create(context: RuleContext): Visitor {
    if (!isPure(context.filename)) return {};
    const refuse = (node: SyntaxNode, name: string): void => {
      const message = `a pure room (${matrix}) may not use ${name}: pass what it gives as an argument`;
      context.report({ node, message });
    };
    return {
      ...eachImport((specifier, node) => {
        if (node.importKind === 'type' || node.exportKind === 'type') return;
        if (specifier.startsWith('.')) {
          const isImpure = !isPure(resolve(dirname(context.filename), specifier));
          if (isImpure) refuse(node, `${specifier}, which is not pure`);
          return;
        }
        if (!pureModules.includes(specifier)) refuse(node, specifier);
        for (const name of refusedNames(specifier, node)) refuse(node, `${name} of ${specifier}`);
      }),
      Identifier(node) {
        if (impureGlobals.has(node.name ?? '') && isReference(node)) refuse(node, node.name ?? '');
        if (partlyPureGlobals.has(node.name ?? '') && isReference(node) && !isUsedByMember(node))
          refuse(node, `${node.name} as a value`);
      },
      // Loading a module is I/O.
      ImportExpression: (node) => refuse(node, 'import()'),
      MemberExpression(node) {
        const name = `${node.object?.name}.${node.property?.name}`;
        if (impureMembers.has(name)) refuse(node, name);
      },
      NewExpression(node) {
        if (node.callee?.name === 'Date' && node.arguments?.length === 0) refuse(node, 'the current time');
      },
      CallExpression(node) {
        if (node.callee?.name === 'Date') refuse(node, 'the current time');
      },
    };
  },
};

/** The most columns of a line of a comment. Prettier wraps the code, but no comments. */
const commentWidth = 120;

/** Rule `meshtrust/comment-width`: no line of a comment is longer than 120 columns, unless it has an address. */
const commentWidthRule = {
  create(context: RuleContext): Visitor {
    const { lines } = context.sourceCode;
    return {
      Program() {
        for (const { loc } of context.sourceCode.getAllComments())
          for (let line = loc.start.line; line <= loc.end.line; line += 1) {
            const text = lines[line - 1] ?? '';
            // A comment behind code is on a line that Prettier has wrapped.
            if (text.length <= commentWidth || text.includes('://') || !/^\s*(?:\/\/|\/?\*)/.test(text))
              continue;
            const range = { start: { line, column: 0 }, end: { line, column: text.length } };
            context.report({ loc: range, message: `the comment is longer than ${commentWidth} columns` });
          }
      },
    };
  },
};

export default {
  meta: { name: 'meshtrust' },
  rules: { rooms: roomsRule, pure: pureRule, 'comment-width': commentWidthRule },
};
