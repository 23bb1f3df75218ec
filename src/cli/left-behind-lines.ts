import { namedShortly } from '../node/counted.ts';
import type { LeftBehind } from '../node/step-aside.ts';
import type { CommandContext } from './frame-command.ts';
import { printable } from './output-style.ts';

/** What became of the space that this machine's folders left, and how to go back to it. */
export function leftBehindLines({ asCalled }: Pick<CommandContext, 'asCalled'>, { name, machines, id }: LeftBehind): string[] {
  return [
    `What this machine shared with ${printable(namedShortly(machines))} stays here as ${name}: no folder goes to it any more.`,
    asCalled('To go back to it, run on one of them: satchel invite, and here, with its link: satchel join LINK --switch'),
    // The others hold the folders' machine for one of theirs still: only one of them can take it off their list.
    asCalled(`There this machine is still listed. To take it off, run on one of them: satchel machines revoke ${id.slice(0, 12)}`),
  ];
}
