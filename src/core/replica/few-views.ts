import type { Store, StorePart, View } from '../ports/store.ts';

/** The views at and under some names, for a writer that asks for the same few names with every sync. */
export interface FewViews {
  /** What stands at and under names, asked of the store only where that may have changed. The answer is shared: leave it as it is. */
  get(under: readonly string[]): Promise<readonly View[]>;
  /** The same as far as it is known; `null`: the store is to be asked. */
  known(under: readonly string[]): Promise<readonly View[]> | null;
  /** Runs one transaction of the writer's own, which writes views of these names and of no others. */
  write<T>(names: readonly string[], transaction: () => Promise<T>): Promise<T>;
}

/** Of these the views are remembered. */
const MOST_VIEWS = 64;
const MOST_QUESTIONS = 4;

interface Answer {
  readonly exact: ReadonlySet<string>;
  /** What names below them begin with. */
  readonly below: readonly string[];
  /** How often others had written when it was asked for. */
  readonly others: number;
  readonly views: Promise<readonly View[]>;
}

/**
 * The writer writes views all the time, and hardly ever those that are asked for here: it asks again after its own writes of those, and
 * after any write of somebody else's. What a store cannot count the writes of is asked each time. Answers of many views are not kept.
 */
export function createFewViews(
  { writes }: Pick<Store, 'writes'>,
  part: StorePart,
  look: (under: readonly string[]) => Promise<readonly View[]>,
): FewViews {
  const answers = new Map<string, Answer>();
  let own = 0;
  /** Own transactions of which nobody knows whether they are counted yet. */
  let open = 0;
  return {
    async get(under) {
      const total = writes?.(part);
      if (total === undefined) return look(under);
      const [question, others] = [JSON.stringify(under), total - own];
      const known = answers.get(question);
      if (known?.others === others) return known.views;
      if (open > 0) return look(under);
      const answer = { exact: new Set(under), below: under.map((name) => `${name}/`), others, views: look(under) };
      answers.delete(question);
      answers.set(question, answer);
      if (answers.size > MOST_QUESTIONS) answers.delete(answers.keys().next().value as string);
      const forget = (): void => {
        if (answers.get(question) === answer) answers.delete(question);
      };
      try {
        const views = await answer.views;
        if (views.length > MOST_VIEWS) forget();
        return views;
      } catch (error) {
        forget();
        throw error;
      }
    },
    known(under) {
      const [known, total] = [answers.get(JSON.stringify(under)), writes?.(part)];
      return known === undefined || total === undefined || known.others !== total - own ? null : known.views;
    },
    async write(names, transaction) {
      open += 1;
      try {
        const result = await transaction();
        own += 1;
        for (const [question, { exact, below }] of answers) {
          if (names.some((name) => exact.has(name) || below.some((start) => name.startsWith(start)))) answers.delete(question);
        }
        return result;
      } catch (error) {
        answers.clear(); // it may be counted, or not
        throw error;
      } finally {
        open -= 1;
      }
    },
  };
}
