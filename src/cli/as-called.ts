/**
 * Text of ours that names commands (`Run: satchel up`), for a person who calls the program otherwise. Names of files
 * and hosts that hold the word stay: a command stands behind it.
 */
export function asCalled(text: string, program: string): string {
  return program === 'satchel' ? text : text.replaceAll(/(?<![\w/.-])satchel (?=[a-z]|COMMAND|--?[a-z])/g, `${program} `);
}
