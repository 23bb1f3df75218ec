import type { z } from 'zod';
import type { SatchelNode } from '../node.ts';

/** What an operation gets besides its input. */
export interface OperationContext {
  readonly progress: (done: number, total: number, what: string) => void;
  /** A line for the person who waits. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What judges foreign input: a zod schema, or what speaks like one. */
export interface InputSchema<I> {
  safeParse(
    input: unknown,
  ):
    | { readonly success: true; readonly data: I }
    | { readonly success: false; readonly error: { readonly issues: readonly z.core.$ZodIssue[] } };
}

/** One thing that this machine's commands may ask a node: by HTTP where it runs, in process where it does not. */
export interface Operation<I = unknown, O = unknown> {
  readonly input: InputSchema<I>;
  run(node: SatchelNode, input: I, context: OperationContext): Promise<O>;
}

export type FailureKind = 'failed' | 'usage' | 'open' | 'unreachable' | 'refused';

/** An expected refusal: what was wrong, and what to do. */
export class OperationFailure extends Error {
  override readonly name = 'OperationFailure';
  readonly kind: FailureKind;
  /** Stable, for scripts. */
  readonly type: string;
  readonly next: string | undefined;
  constructor(kind: FailureKind, type: string, message: string, next?: string) {
    super(message);
    this.kind = kind;
    this.type = type;
    this.next = next;
  }
}

/** Gives `run` the type of its input. */
export function defineOperation<I, O>(operation: Operation<I, O>): Operation<I, O> {
  return operation;
}
