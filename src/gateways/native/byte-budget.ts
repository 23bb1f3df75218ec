import { ApiError } from './api-error.ts';

/** Memory that bodies in flight may take together, whoever sends or fetches them. */
export interface ByteBudget {
  /** Takes so many bytes until the answer's release is called (once or more). Throws `busy` where they are not left. */
  take(bytes: number): () => void;
}

export function createByteBudget(total: number): ByteBudget {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > total && used > 0) throw new ApiError('busy', 'too many large requests at once', 1);
      used += bytes;
      let held = true;
      return () => {
        if (held) used -= bytes;
        held = false;
      };
    },
  };
}
