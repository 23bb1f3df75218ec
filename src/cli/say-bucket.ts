import type { StoreUnavailable } from '../core/ports/store.ts';
import type { SatchelNode } from '../node/node.ts';
import type { CommandContext } from './frame-command.ts';
import { printable } from './output-style.ts';

/** Says how a hub's bucket is, where it cannot be used, and each change from then on, until the function that it gives is called. */
export function sayBucket({ print, style, asCalled }: CommandContext, { objects }: SatchelNode): () => void {
  const { bucket } = objects;
  if (bucket === undefined) return () => undefined;
  const say = (problem: StoreUnavailable | null): void => {
    if (problem === null) print(style.green(printable(`The bucket ${bucket.address} answers again.`)));
    else
      print(
        style.yellow(printable(`${problem.message}. Logs are served; encrypted bodies are not, until then. ${asCalled(problem.remedy)}`)),
      );
  };
  if (bucket.problem !== null) say(bucket.problem);
  return bucket.onChange(say);
}
