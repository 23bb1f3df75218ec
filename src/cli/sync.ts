import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { heldBackText, lackingBodies } from '../node/operations/status-verdict.ts';
import { EXIT } from './exit-codes.ts';
import { defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';

export const syncCommand = defineCommand({
  summary: 'Capture, send, fetch and apply once, now',
  examples: ['satchel sync'],
  notes:
    'Works without a running node too. JSON: {spaces: [{name, pulled, pushed, conflicts, pending, held_back, not_carried: [{path, reason, remedy}], remote, lacking, brought_again}]}. Exit 1 where a folder or database could not be read or written, or the remote does not have bodies that are to be put in place; 3 with open conflicts, or while something waits for an answer; 5 where changes made here are not sent because this machine is a reader.',
  async run(context): Promise<CommandResult> {
    const result = await askNode(context, 'sync', {});
    const lines = result.spaces.map(
      (s) =>
        `${printable(s.name)}: ${counted(s.pushed, 'change')} sent, ${s.pulled} received${s.conflicts === 0 ? '' : `, ${counted(s.conflicts, 'open conflict')} (${context.asCalled('satchel conflicts')})`}${s.pending === 0 ? '' : `, ${s.pending} to answer (${context.asCalled('satchel pending')})`}`,
    );
    for (const { name, held_back: drafts } of result.spaces) if (drafts > 0) lines.push(context.asCalled(heldBackText({ name, drafts })));
    for (const { name, not_carried: left } of result.spaces)
      for (const { path, reason, remedy } of left)
        lines.push(context.asCalled(`${printable(name)}: ${printable(path)} was not carried: ${printable(reason)}. ${remedy}`));
    for (const { name, remote, lacking, brought_again: again } of result.spaces) {
      if (again > 0)
        lines.push(
          `${printable(name)}: brought again ${counted(again, 'encrypted body', 'encrypted bodies')} that ${printable(remote ?? 'its home')} had lost`,
        );
      if (lacking > 0) lines.push(context.asCalled(`${printable(name)}: ${lackingBodies(lacking, remote)}`));
    }
    const isIncomplete = result.spaces.some((s) => s.lacking > 0 || s.not_carried.length > 0);
    const isHeldBack = result.spaces.some((s) => s.held_back > 0);
    const open = result.spaces.some((s) => s.conflicts + s.pending > 0);
    return {
      human: lines.length === 0 ? context.asCalled(await nothingToSync(context)) : lines.join('\n'),
      json: result,
      exit: isHeldBack ? EXIT.refused : open ? EXIT.open : isIncomplete ? EXIT.failed : EXIT.ok,
    };
  },
});

async function nothingToSync(context: CommandContext): Promise<string> {
  const isHub = (await context.config()).hub || (await askNode(context, 'status', {})).hub;
  return isHub
    ? 'A hub has no spaces of its own: its machines sync with it. How it is: satchel status'
    : 'No space here yet. Run: satchel up, or satchel join';
}
