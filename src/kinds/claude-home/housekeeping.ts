import { CONSENT_KIND } from './consent-answer.ts';
import { projectKind } from './project.ts';

/** Kinds of what Satchel keeps for itself in a space: answers to `pending`, where projects are. No person counts them. */
export const HOUSEKEEPING_KINDS: readonly string[] = [CONSENT_KIND, projectKind.id];
