import type { RowDatabase } from './row-database.ts';
import type { FoundRow, TableAccess } from './table-access.ts';

const PAGE_ROWS = 500;

/** All rows of a table by their numbers, in pages, each as of one state of the database. Throws what reading throws. Cost: O(rows), a page at a time. */
export async function* tablePages(database: RowDatabase, access: TableAccess): AsyncGenerator<readonly FoundRow[], void> {
  for (let after = -1; ;) {
    const page = await database.read(() => access.page(after, PAGE_ROWS));
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.rowid;
  }
}
