import type { Kind, MergeInput } from '../../core/merge/kind.ts';

/**
 * A kind whose conflicts between plans nobody is asked about: the later one in the log stands, and the one before it is in
 * its history. Claude Code writes a plan anew for each task, so that two seldom meet and neither is worth a question.
 */
export function laterPlanStands(kind: Kind): Kind {
  return {
    ...kind,
    merge(input) {
      const outcome = kind.merge(input);
      return outcome.type === 'conflict' && isPlan(input) && input.ours !== null ? { type: 'merged', version: input.ours } : outcome;
    },
  };
}

/** No link: what it names is no plan's text. */
function isPlan({ name, base, theirs, ours }: MergeInput): boolean {
  return (
    name.startsWith('plans/') && [base, theirs, ours].every((version) => version === null || !Object.hasOwn(version.attributes, 'link'))
  );
}
