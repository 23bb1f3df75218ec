import { EXIT } from './exit-codes.ts';
import { StoreUnavailable } from '../core/ports/store.ts';
import { counted } from '../node/counted.ts';
import { CommandFailure, defineCommand, type CommandResult } from './frame-command.ts';
import { formatBytes, printable } from './output-style.ts';

const LOOK_AT_IT = 'Look whether the database runs, and whether its disk or the network to it hangs';

export const migrateVerb = defineCommand({
  summary: 'Move this hub’s store into a PostgreSQL database, which other hubs may share',
  options: {
    to: { type: 'text', value: 'ADDRESS', summary: 'postgres://USER@HOST/DATABASE, without a password' },
    dryRun: { type: 'flag', summary: 'say what would be moved and whether the database can be used, and change nothing' },
  },
  examples: [
    'satchel store migrate --to postgres://satchel@db.example.org/satchel --dry-run',
    'satchel store migrate --to postgres://satchel@db.example.org/satchel',
  ],
  notes:
    'While the hub does not run. The password comes from SATCHEL_STORE_PASSWORD, PGPASSWORD, or a file of mode 0600. Every record and body is compared before the hub goes over; ' +
    'interrupted, it goes on where it was. The old store stays where it is, and serves nobody any more.\n' +
    'JSON: {moved, before (it was moved before this command, which moved nothing), since (when that was; null where it was not noted), resumed, to, spaces, records, objects, bytes, documents}.',
  async run(context): Promise<CommandResult> {
    const { to, dryRun } = context.options;
    if (to === undefined) throw new CommandFailure(EXIT.usage, 'usage', 'say where to: --to postgres://USER@HOST/DATABASE');
    const { parseStoreAddress } = await import('../config/store-address.ts');
    const address = parseStoreAddress(to);
    if (!address.ok) throw new CommandFailure(EXIT.usage, 'usage', `--to: ${address.error}`);
    const config = await context.config();
    const { migrateStore, MigrateRefused, CopyFailed } = await import('../node/shared-store/migrate-store.ts');
    const { createSystemRandom } = await import('../node/system.ts');
    const { openingFailure } = await import('./ask-in-process.ts');
    let label = '';
    try {
      const done = await migrateStore({
        config,
        to,
        isPlan: dryRun,
        clock: context.clock,
        random: createSystemRandom(),
        onProgress(what, now, total) {
          if (what !== label) context.progress.start((label = what), total);
          context.progress.update(now);
        },
        onSilent(limit) {
          context.progress.stop();
          label = '';
          context.print(`${printable(to)} does not answer: it is given ${Math.ceil(limit / 1000)} s more`);
        },
      });
      const { isMoved, isResumed, before, spaces, records, objects, bytes, documents } = done;
      const what = `${counted(spaces, 'log')} (${counted(records, 'record')}), ${counted(objects, 'encrypted body', 'encrypted bodies')} (${formatBytes(bytes)})`;
      const since = before?.at == null ? null : new Date(before.at).toISOString();
      const human =
        before !== null
          ? `This store was moved to ${done.to} before${since === null ? '' : `, on ${since}`}, with ${what}. Since then the hub’s store is there, and what the hub took lies there alone: there is nothing to move.\nStart the hub: satchel up`
          : isMoved
            ? `Moved to ${done.to}: ${what}. All of it was compared.\nStart the hub again: satchel up (config.json says where its store is now)`
            : `Would move to ${done.to}: ${what}. Nothing was changed.`;
      return {
        human: context.asCalled(human),
        json: {
          moved: isMoved,
          before: before !== null,
          since,
          resumed: isResumed,
          to: done.to,
          spaces,
          records,
          objects,
          bytes,
          documents,
        },
      };
    } catch (error) {
      if (error instanceof MigrateRefused) throw new CommandFailure(EXIT.refused, 'refused', error.message, { next: error.next });
      if (error instanceof CopyFailed)
        throw new CommandFailure(EXIT.failed, 'copy-failed', error.message, {
          next: 'The hub goes on from its old store, as before: satchel up',
        });
      const failure = openingFailure(error, config);
      if (failure === null || !(error instanceof StoreUnavailable) || error.reason !== 'unreachable') throw failure ?? error;
      // Nobody asks it again by itself, as a hub does.
      throw new CommandFailure(failure.exit, failure.type, failure.message, {
        next: `${LOOK_AT_IT}, and run the same again${dryRun ? '' : ': the move goes on where it was'}`,
        cause: error,
      });
    } finally {
      context.progress.stop();
    }
  },
});
