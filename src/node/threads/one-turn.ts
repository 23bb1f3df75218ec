/** Collects what is said in one turn of the event loop, and hands all of it on in the next. */
export function inOneTurn<T>(handOn: (all: T[]) => void): (each: T) => void {
  let waiting: T[] = [];
  return (each) => {
    if (waiting.length === 0) {
      setImmediate(() => {
        const all = waiting;
        waiting = [];
        handOn(all);
      });
    }
    waiting.push(each);
  };
}
