/** Requests that one call has under way at once. */
export const REQUESTS_AT_ONCE = 16;

/** Maps with so many under way at once; answers in order. The first failure is thrown, and begins no more. */
export async function mapAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>, most = REQUESTS_AT_ONCE): Promise<R[]> {
  const answers: R[] = [];
  let next = 0;
  let isFailed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !isFailed) {
      const at = next;
      next += 1;
      try {
        answers[at] = await work(items[at] as T);
      } catch (error) {
        isFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, lane));
  return answers;
}
