/** Text of at most `width` characters: of longer ones the middle becomes one `…`. */
export function cutMiddle(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  const end = Math.floor((width - 1) / 2);
  return `${characters.slice(0, width - 1 - end).join('')}…${characters.slice(-end).join('')}`;
}
