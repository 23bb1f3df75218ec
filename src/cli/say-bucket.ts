import type { StoreUnavailable } from '../core/ports/store.ts';
import type { OnBucket } from '../node/hub-objects.ts';
import type { SatchelNode } from '../node/node.ts';
import type { CommandContext } from './frame-command.ts';
import { counted } from '../node/counted.ts';
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

/** Says how far a store's first bucket has what was built in, and that it is its bucket from then on. */
export function sayFirstBucket({ print, progress }: Pick<CommandContext, 'print' | 'progress'>): OnBucket {
  let isShown = false;
  return ({ address, copied, isKept }) => {
    if (isKept) {
      progress.stop();
      const moved =
        copied === 0
          ? ''
          : ` ${counted(copied, 'encrypted body', 'encrypted bodies')} of this store ${copied === 1 ? 'was' : 'were'} copied there.`;
      return print(
        `Encrypted bodies are kept in ${printable(address)} from now on: the store remembers it, so that --objects need not be given again.${moved}`,
      );
    }
    if (!isShown) progress.start('encrypted bodies copied into the bucket', null);
    isShown = true;
    progress.update(copied);
  };
}
