/**
 * What `ps` shows of a process that was given a join link: its command, without the link. Node writes the title over
 * the arguments. A moment remains, and shells keep a history: `satchel join` asks for the link, `satchel join -` reads it.
 */
export function titleHidingLinks(words: readonly string[]): string | null {
  if (!words.some((word) => word.includes('#satchel1.'))) return null;
  return `satchel ${words.find((word) => /^[a-z]+$/.test(word)) ?? ''}`.trim();
}
