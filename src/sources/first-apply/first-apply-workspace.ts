import type { Outstanding, Workspace } from '../../core/replica/workspace.ts';

/** How far a folder is with what others wrote before it took part. */
export type FirstApply =
  /** Nobody has looked yet. */
  | 'new'
  /** Files that stood here would change: someone has to say yes. */
  | 'waiting'
  | 'rejected'
  | 'done';

/** Where that is kept, durably. */
export interface FirstApplyNote {
  read(): Promise<FirstApply>;
  write(state: FirstApply): Promise<void>;
}

export interface FirstApplyWorkspace extends Workspace {
  readonly firstApply: {
    state(): Promise<FirstApply>;
    /** What the first apply would put in place, whether it waits or not. Cost: that of `outstanding`. */
    preview(): Promise<Outstanding[]>;
    answer(state: 'rejected' | 'done'): Promise<void>;
  };
}

/**
 * A workspace in which nothing is outstanding before the first apply was allowed. Where none of the files that stand here
 * would change it is allowed at once. The source captures the whole folder before it first asks what is outstanding, so
 * what is shown as present by then stood here before.
 */
export function createFirstApplyWorkspace(inner: Workspace, note: FirstApplyNote): FirstApplyWorkspace {
  let isDone = false;

  async function outstanding(): Promise<Outstanding[]> {
    if (isDone) return inner.outstanding();
    const state = await note.read();
    if (state === 'done') {
      isDone = true;
      return inner.outstanding();
    }
    const all = await inner.outstanding();
    if (state === 'new') {
      const isCalm = all.every(({ shown }) => shown === null);
      await note.write(isCalm ? 'done' : 'waiting');
      isDone = isCalm;
    }
    return isDone ? all : [];
  }

  return {
    ...inner,
    outstanding,
    firstApply: {
      state: async () => (isDone ? 'done' : note.read()),
      preview: () => inner.outstanding(),
      async answer(state) {
        await note.write(state);
        isDone = state === 'done';
      },
    },
  };
}
