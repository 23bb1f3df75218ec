import type { RestoreRefused as RefusedRestore } from '../node/backup/restore-backup.ts';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { shownTime } from './shown-time.ts';

export const restoreVerb = defineCommand({
  summary: 'Bring a backup back into an empty SATCHEL_HOME',
  arguments: { file: { summary: 'the backup', required: true } },
  options: {
    key: {
      type: 'text',
      value: 'FILE',
      summary:
        'a file with the recovery words or an age identity, or the keys/machine.json that made it; `-` reads standard input (default: asks)',
    },
    sameMachine: { type: 'flag', summary: 'the store that was backed up is gone for good: go on as the same machine' },
  },
  examples: ['satchel store restore satchel.age', 'satchel store restore satchel.age --key words.txt --same-machine'],
  notes:
    'All of it or nothing. Without --same-machine the store starts as a new machine, since two stores must never act as one: then `satchel keys recover ADDRESS` or a link from another machine lets it in. ' +
    'Files in the home are compared anew: none counts as deleted.\nJSON: {made, machine, objects, same_machine}.',
  async run(context): Promise<CommandResult> {
    const { home } = context.environment;
    const file = path.resolve(context.args.file);
    const { stat } = await import('node:fs/promises');
    const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
      throw new CommandFailure(EXIT.usage, 'no-file', `${file} cannot be read: ${error.message}`);
    });
    if (!found.isFile()) throw new CommandFailure(EXIT.usage, 'no-file', `${file} is no file, and no backup`);
    const { refuseFilled, restoreBackup, RestoreRefused } = await import('../node/backup/restore-backup.ts');
    const said = (error: unknown): unknown =>
      error instanceof RestoreRefused ? new CommandFailure(EXIT.refused, error.type, error.message, { next: REMEDIES[error.type] }) : error;
    // Before anybody looks for a key.
    await refuseFilled(home).catch((error: unknown) => {
      throw said(error);
    });
    const identity = await identityOf(context, await readKey(context, context.options.key));
    const { BackupUnreadable } = await import('../node/backup/backup-format.ts');
    const { createSystemRandom } = await import('../node/system.ts');
    context.progress.start('restoring', found.size, 'bytes');
    try {
      const restored = await restoreBackup({
        file,
        home,
        identity,
        asSameMachine: context.options.sameMachine,
        random: createSystemRandom(),
        clock: context.clock,
        onProgress: (done) => context.progress.update(done),
      });
      const { roleOfStore } = await import('../node/node-role.ts');
      const { nodeHome } = await import('../node/home.ts');
      const isHub = (await roleOfStore(nodeHome(home))) === 'hub';
      const next = isHub ? NEXT_OF_HUB[restored.asSameMachine ? 'same' : 'other'] : NEXT[restored.asSameMachine ? 'same' : 'other'];
      const human = `Restored ${home} as of ${shownTime(restored.made, context.clock.now())}: ${restored.objects} encrypted bodies.\n${context.asCalled(next)}`;
      const { made, machine, objects, asSameMachine } = restored;
      return { human, json: { made, machine, objects, same_machine: asSameMachine } };
    } catch (error) {
      if (error instanceof BackupUnreadable)
        throw new CommandFailure(EXIT.failed, 'unreadable', error.message, { next: 'Use another backup' });
      throw said(error);
    } finally {
      context.progress.stop();
    }
  },
});

const NEXT = {
  same: 'It goes on as the same machine. Run: satchel up',
  other: 'It will be a new machine. Let it in: satchel keys recover, or satchel join LINK',
} as const;

/** A hub is let in by nobody: its clients go by its key. */
const NEXT_OF_HUB = {
  same: 'It goes on as the same hub. Run: satchel up --hub',
  other:
    'It will be another hub, by another key than its clients pinned: they do not come to it by themselves, but by satchel spaces move. Where the first one is gone for good, begin again in an empty folder, with --same-machine',
} as const;

const REMEDIES: Readonly<Record<RefusedRestore['type'], string>> = {
  'not-empty': 'Name another one: SATCHEL_HOME=… satchel store restore FILE',
  'still-there': 'Leave out --same-machine: it will be a new machine. Or remove that store first, where it is gone for good',
  'wrong-key':
    'Take the recovery key of a space that was in it, as it was when the backup was made, keys/machine.json of the machine that made it, or the age identity that --to named',
};

async function readKey(context: CommandContext, given: string | undefined): Promise<string> {
  if (given === '-') return context.readStdin(64 * 1024);
  if (given !== undefined)
    return readFile(given, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new CommandFailure(EXIT.usage, 'no-key', `${given} cannot be read: ${error.message}`);
    });
  const typed = await context.ask('The recovery key (24 words), or an age identity: ');
  if (typed === null)
    throw new CommandFailure(EXIT.usage, 'no-key', 'there is no terminal to ask for the recovery key', {
      next: 'Give --key FILE, or --key - and the words on standard input',
    });
  return typed;
}

/** Recovery words, an age identity, or a machine's own key file. */
async function identityOf(context: CommandContext, text: string): Promise<string> {
  const age = /AGE-SECRET-KEY-1[0-9A-Z]{58}/i.exec(text);
  if (age !== null) return age[0].toUpperCase();
  const { wordsToSecret } = await import('../core/joining/words.ts');
  const { createRecoveryKey } = await import('../core/replica/recovery-key.ts');
  const { createAgeKeyWrapping } = await import('../node/age-key-wrapping.ts');
  const secret = wordsToSecret(text, 24);
  if (!secret.ok) throw new CommandFailure(EXIT.usage, 'bad-key', secret.error);
  context.progress.stop();
  return (await createRecoveryKey(secret.value, createAgeKeyWrapping())).identity;
}
