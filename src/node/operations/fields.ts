import { z } from 'zod';
import { machineNameProblem } from '../machine-name.ts';

/** A space by name or id, and a revision or sibling by the beginning of its id: no longer than such things are. */
export const spaceField = z.string().min(1).max(128);
export const revisionField = z.string().min(1).max(64);
/** What a machine is to be called, without blanks around it. */
export const machineNameField = z
  .string()
  .trim()
  .superRefine((name, context) => {
    const problem = machineNameProblem(name);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });
