export interface AbsenceInput {
  /** Names that were shown and are not there now. */
  readonly absent: readonly string[];
  /** How many names are shown that could be deleted, the absent ones included. */
  readonly shown: number;
  /** Deletions captured shortly before. */
  readonly recent: number;
  /** Names whose deletion was confirmed. */
  readonly confirmed: ReadonlySet<string>;
  /** Names that wait already. */
  readonly held: ReadonlySet<string>;
  /** Deletions up to this number never wait. */
  readonly limit: number;
  /** More deletions than this always wait. */
  readonly many: number;
}

/**
 * Which absences count as wishes to delete. Together with those just before, more than `limit` and more than half of
 * what was shown, or more than `many`, wait until someone confirms exactly these names; what waits goes on waiting.
 */
export function judgeAbsences(input: AbsenceInput): { readonly take: readonly string[]; readonly hold: readonly string[] } {
  const open = input.absent.filter((name) => !input.confirmed.has(name));
  const count = open.length + input.recent;
  const mass = count > input.many || (count > input.limit && count * 2 > input.shown + input.recent);
  const hold = mass ? open : open.filter((name) => input.held.has(name));
  const held = new Set(hold);
  return { take: input.absent.filter((name) => !held.has(name)), hold };
}
