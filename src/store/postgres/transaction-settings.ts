/** What the row policies ask for: an application that is not Satchel sees nothing, though it may log in as its user. */
export const APPLICATION_SETTING = 'satchel.node';

/** A process that was stopped in the midst of a transaction holds its locks no longer than that. */
const IDLE_LIMIT = '30s';

/**
 * All that is asked often goes by an index in its order. A table that grew since it was last analyzed, or was never, is
 * misjudged: a look at the head would sort the whole log. These make what costs more with each record the last resort.
 */
const PLANNING = 'set local enable_sort = off; set local enable_seqscan = off';

/** Sent along with each `begin`: they end with the transaction. */
export function transactionSettings(schema: string): string {
  return `set local search_path = ${quoted(schema)}; set local ${APPLICATION_SETTING} = 'on'; set local idle_in_transaction_session_timeout = '${IDLE_LIMIT}'; ${PLANNING}`;
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
