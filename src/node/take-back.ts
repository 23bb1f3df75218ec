/** Settings by name, as they are now, as they were written, and as they were before that. What is not there is absent. */
export interface Versions<Values> {
  readonly now: Values;
  readonly wrote: Values;
  readonly before: Values;
}

export interface TakenBack<Values> {
  readonly values: Values;
  /** Changed since, and left so. */
  readonly left: readonly string[];
  /** They are all as they were before. */
  readonly isAll: boolean;
}

/**
 * Takes back what is still as it was written. Where another server was put in since, that is meant to be used: it stays switched on,
 * our secret goes, and the one from before is not put there, since it is of another server.
 */
export function takeBack<Values extends object>(
  { now, wrote, before }: Versions<Values>,
  { address, secret }: { readonly address: keyof Values; readonly secret: keyof Values },
): TakenBack<Values> {
  const values: { -readonly [K in keyof Values]?: Values[K] } = {};
  const left: string[] = [];
  const isElsewhere = now[address] !== wrote[address] && now[address] !== before[address];
  for (const key of new Set([...keysOf(now), ...keysOf(wrote), ...keysOf(before)])) {
    const isOurs = now[key] === wrote[key];
    const isUntouched = now[key] === before[key];
    let value = now[key];
    if (isOurs && isElsewhere) value = (key === secret ? undefined : now[key]) as Values[typeof key];
    else if (isOurs) value = before[key];
    else if (!isUntouched) left.push(key);
    if (value !== undefined) values[key] = value;
  }
  const isAll = keysOf({ ...values, ...before } as Values).every((key) => values[key] === before[key]);
  return { values: values as Values, left, isAll };
}

function keysOf<Values extends object>(values: Values): (keyof Values & string)[] {
  return Object.keys(values) as (keyof Values & string)[];
}
