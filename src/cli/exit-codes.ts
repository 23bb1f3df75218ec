/** The one table of exit codes. `satchel help` prints it. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** A conflict or an approval is left open. */
  open: 3,
  unreachable: 4,
  /** Refused by policy: ours (redaction, consent, roles) or a remote's. */
  refused: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.failed, 'failed'],
  [EXIT.usage, 'wrong use or configuration'],
  [EXIT.open, 'a conflict or an approval is left open'],
  [EXIT.unreachable, 'a node or remote could not be reached'],
  [EXIT.refused, 'refused by policy'],
];
