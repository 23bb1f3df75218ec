import type { Item } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Form, FormContext, FormPart } from '../../kinds/claude-home/form.ts';
import type { FormMemory } from './form-memory.ts';

export interface FormsDeps {
  readonly clock: Clock;
  readonly memory: FormMemory;
  /** Names that have a form, and their forms. */
  readonly forms: ReadonlyMap<string, Form>;
  /** What holds on this machine now for an item; `content` is what would be shown of it. */
  contextOf(item: Item): Promise<FormContext>;
  /** Changes whenever an answer of `contextOf` may have changed. Cheap. */
  stamp(): string;
  /** The local file as it is now, for forms that are a part of one; `null`: there is none. */
  readLocal(name: string): Promise<Uint8Array | null>;
  /** What a part waited for may be in place now, so that another apply is due. */
  onPlaced?(): void;
}

/** How an item with a form stands on this machine. */
export interface FormState {
  readonly item: Item;
  /** Pointers to what is left out because this machine has no value for it. */
  readonly needs: readonly string[];
  /** Parts that wait for an answer. */
  readonly held: readonly FormPart[];
  /** Parts that wait for something else to be in place. */
  readonly later: readonly FormPart[];
  /** Why it cannot be shown at all. */
  readonly problem: string | null;
}
