import type { SatchelNode } from '../node/node.ts';
import type { CommandContext } from './frame-command.ts';
import { printable } from './output-style.ts';

/** Says when what others send cannot be taken for want of room, and when it can again, until the function that it gives is called. */
export function sayRoom(
  { print, style, asCalled }: Pick<CommandContext, 'print' | 'style' | 'asCalled'>,
  { room }: SatchelNode,
): () => void {
  return room.onChange((problem) => {
    if (problem === null) print(style.green('There is room again.'));
    else print(style.yellow(printable(`${problem.message}. ${asCalled(problem.remedy)}`)));
  });
}
