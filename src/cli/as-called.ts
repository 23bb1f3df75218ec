/** In a clone npm prints two lines of its own before what a command prints: not where something else is to read that. */
const QUIET: Readonly<Record<string, string>> = { 'npm start --': 'npm -s start --' };

/**
 * Text of ours that names commands (`Run: satchel up`), for a person who calls the program otherwise. Names of files
 * and hosts that hold the word stay: a command stands behind it.
 */
export function asCalled(text: string, program: string): string {
  if (program === 'satchel') return text;
  return text.replaceAll(/(?<![\w/.-])satchel (?=([a-z]|COMMAND|--?[a-z])([^\n`;]*))/g, (_match, first: string, rest: string) => {
    const isRead = /^(?:(?!\. ).)*? (?:--json\b|[>|] )/.test(first + rest);
    return `${isRead ? (QUIET[program] ?? program) : program} `;
  });
}

/** What to know of --json and of redirections besides, where the program is called so; '' elsewhere. */
export function quietNote(program: string): string {
  const quiet = QUIET[program];
  return quiet === undefined
    ? ''
    : `\nFor programs and files (--json, >): ${quiet} COMMAND …, without npm’s own lines before the answer.\n`;
}
