import type { LeftSpace } from '../node/left-spaces.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, type CommandContext } from './frame-command.ts';
import { printable } from './output-style.ts';
import { shownTime } from './shown-time.ts';

/** Whether a machine that left is to begin a new space; throws where nobody can be asked. `left` is not empty. */
export async function mayBeginAnew(
  { ask, clock, again }: Pick<CommandContext, 'ask' | 'clock' | 'again'>,
  left: readonly LeftSpace[],
): Promise<boolean> {
  const said = leftText(left, clock.now());
  const answer = await ask(`${said}. Begin a new space, without its history? [y/N] `);
  if (answer !== null) return /^\s*y/i.test(answer);
  throw new CommandFailure(EXIT.refused, 'left', said, {
    next: `To take part again, with a link of another machine: satchel join LINK. To begin a new space, without its history: ${again({ beginAnew: true })}`,
  });
}

/** `this machine left personal on …`. */
function leftText(left: readonly LeftSpace[], now: number): string {
  const names = left.map(({ name }) => printable(name)).join(', ');
  return `this machine left ${names} (${shownTime(new Date(Math.max(...left.map(({ at }) => at))).toISOString(), now)})`;
}
