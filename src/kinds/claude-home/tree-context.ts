import type { FormContext } from './form.ts';

/** What a form adds to its context. */
export interface TreeContext extends FormContext {
  /** Whether the member at a place is named by the path of a project. */
  readonly isProject?: (place: readonly string[]) => boolean;
  /** Whether the entries of the list at a place come and go each by itself. */
  readonly isEntries?: (place: readonly string[]) => boolean;
}
