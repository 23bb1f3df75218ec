import type { Compilable, CompiledQuery, QueryResult } from 'kysely';

/**
 * Queries that are asked all the time, of one row mostly: building and compiling one takes longer than SQLite takes to answer
 * it. `parameters` are those of the query, in the order of its text; `make` is called the first time only.
 */
export type KeptQueries = <R>(name: string, parameters: readonly unknown[], make: () => Compilable<R>) => Promise<R[]>;

export type Ask = <R>(query: CompiledQuery<R>) => Promise<QueryResult<R>>;

/** `known` is kept from transaction to transaction. */
export function createKeptQueries(ask: Ask, known: Map<string, CompiledQuery>): KeptQueries {
  return async <R>(name: string, parameters: readonly unknown[], make: () => Compilable<R>) => {
    let compiled = known.get(name);
    if (compiled === undefined) {
      compiled = make().compile();
      const isTheirs =
        compiled.parameters.length === parameters.length && parameters.every((each, at) => each === compiled?.parameters[at]);
      if (!isTheirs) throw new Error(`the query ${name} has other parameters, or in another order`);
      known.set(name, compiled);
    }
    const { rows } = await ask({ ...compiled, parameters } as CompiledQuery<R>);
    return rows;
  };
}
