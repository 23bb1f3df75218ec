import { Refusal } from './refusal.ts';

/** Memory for bodies of requests under way, bytes: of one user, and of all. */
export interface BodyLimits {
  readonly perUser: number;
  readonly total: number;
}

/** Eight pushes at once, as large as they may be: many more workers than that push in between. */
export const BODY_LIMITS: BodyLimits = { perUser: 64_000_000, total: 256_000_000 };

/** What the body of one request takes, until it is released. */
export interface BodyShare {
  /** Throws {@link Refusal} where there is no room for so much more. */
  take(bytes: number): void;
  release(): void;
}

export interface BodyBudget {
  shareOf(user: string): BodyShare;
}

export function createBodyBudget(limits: BodyLimits): BodyBudget {
  const byUser = new Map<string, number>();
  let total = 0;
  return {
    shareOf(user) {
      let own = 0;
      const add = (bytes: number): void => {
        own += bytes;
        total += bytes;
        const used = (byUser.get(user) ?? 0) + bytes;
        if (used === 0) byUser.delete(user);
        else byUser.set(user, used);
      };
      return {
        take(bytes) {
          const isTooMuch = (byUser.get(user) ?? 0) + bytes > limits.perUser || total + bytes > limits.total;
          if (isTooMuch) throw new Refusal(429, 'too many large requests at once');
          add(bytes);
        },
        release: () => add(-own),
      };
    },
  };
}
