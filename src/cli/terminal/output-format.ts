/** Values of `-o`. The first two are for people; `wide` shows more. */
export const outputFormats = ['table', 'wide', 'json', 'yaml'] as const;

export type OutputFormat = (typeof outputFormats)[number];
