import type { RowsContext } from './context.ts';
import type { RowTask, Written } from './row-task.ts';
import type { WriterStart } from './row-writer.ts';

/** Batches that another thread writes, one after another. */
export interface Series {
  write(tasks: readonly RowTask[]): Promise<Written>;
  /** After the last batch: whoever else committed meanwhile is noticed as ever, and these rows are not. */
  note(): Promise<void>;
  end(): Promise<void>;
}

/** `null` where there is no other thread, or it cannot write now, would open other files than are open here, or rows are judged by those that they refer to, which have to be there. */
export async function beginSeries(context: RowsContext): Promise<Series | null> {
  const { memory, database, beside } = context;
  const writer = memory.isScoped || database.isApart() ? null : ((await beside?.(startOf(context))) ?? null);
  if (writer === null) return null;
  // In this order: what is committed behind the first look changes the number that is looked at in the end.
  const before = await writer.version();
  const isKnown = database.version() === memory.version;
  return {
    write: (tasks) => writer.write(tasks),
    async note() {
      const version = database.version();
      const isAlone = (await writer.version()) === before;
      if (!isKnown || !isAlone) return;
      if (memory.wholeVersion === memory.version) memory.wholeVersion = version;
      memory.version = version;
    },
    end: () => writer.end(),
  };
}

function startOf({ database, memory: { index, seenTo }, profile, file }: RowsContext): WriterStart {
  const referred = new Set(profile.tables.flatMap(({ reference }) => reference?.table ?? []));
  const isBehind = (table: string, rowid: number | null): boolean => rowid !== null && rowid > (seenTo.get(table) ?? -1);
  return {
    file,
    seenTo,
    places: [...index.places()].filter(({ table, rowid }) => referred.has(table) || isBehind(table, rowid)),
    skipped: [...database.tables().keys()].flatMap((table) =>
      [...index.skipped(table).keys()].filter((rowid) => isBehind(table, rowid)).map((rowid) => [table, rowid] as const),
    ),
  };
}
