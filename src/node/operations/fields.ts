import { z } from 'zod';

/** A space by name or id, and a revision or sibling by the beginning of its id: no longer than such things are. */
export const spaceField = z.string().min(1).max(128);
export const revisionField = z.string().min(1).max(64);
