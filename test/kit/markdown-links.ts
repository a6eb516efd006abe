/** Removes fenced blocks and code spans from a text: brackets in them are not links. */
function prose(markdown: string): string {
  return markdown.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

/** Returns the links of a page: in brackets, and as attributes of HTML. */
export function linksOf(markdown: string): readonly string[] {
  const text = prose(markdown);
  return [...text.matchAll(/\]\((?<link>[^)\s]+)\)|(?:src|srcset|href)="(?<attribute>[^"]+)"/g)].map(
    ({ groups }) => groups?.['link'] ?? groups?.['attribute'] ?? '',
  );
}
