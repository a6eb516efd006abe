/**
 * Installs the tools that tests need into `.cache/` of the checkout, and prints their paths:
 *
 *     node scripts/install-tools.ts [NAME…]     default: all of scripts/tools/table.ts
 */
import { installTool } from './tools/install-tool.ts';
import { tools } from './tools/table.ts';
import type { ToolName } from './tools/table.ts';

const isTool = (name: string): name is ToolName => Object.hasOwn(tools, name);
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(tools);
try {
  for (const name of names) {
    if (!isTool(name)) throw new Error(`${name} is not one of ${Object.keys(tools).join(', ')}`);
    console.log(await installTool(name, (step) => console.error(`${name}: ${step}`)));
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
