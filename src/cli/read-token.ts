import { EXIT } from './exit-codes.ts';
import { CommandFailure, type CommandContext } from './frame-command.ts';

/** Longer than any token. */
const TOKEN_BYTES = 4_096;

/** A token from standard input: what a header can carry, on one line by itself. `next`: how to have one made. Else exit 2. */
export async function readToken({ readStdin }: CommandContext, whose: string, next: string): Promise<string> {
  const token = (await readStdin(TOKEN_BYTES)).trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  const lines = token.split('\n').length;
  let found = 'letters that no token has';
  if (token === '') found = 'nothing';
  else if (lines > 1) found = `${lines} lines`;
  else if (/\s/.test(token)) found = 'words with blanks between them';
  throw new CommandFailure(
    EXIT.usage,
    token === '' ? 'no-token' : 'bad-token',
    `the token of ${whose}, on one line by itself, is read from standard input, where ${found} came`,
    { next },
  );
}
