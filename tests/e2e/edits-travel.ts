import { until, type Machine } from './machine.ts';

/** An edit of each, made at one time, reaches the other. */
export async function editsTravel(one: Machine, other: Machine, what: string): Promise<void> {
  const edits = [one, other].map(({ name }) => ({ file: `rules/${name}.md`, text: `${what}, says ${name}\n` }));
  const [ours, theirs] = edits as [(typeof edits)[0], (typeof edits)[0]];
  one.write(ours.file, ours.text);
  other.write(theirs.file, theirs.text);
  await until(`${other.name} has ${what}`, () => other.read(ours.file) === ours.text);
  await until(`${one.name} has ${what}`, () => one.read(theirs.file) === theirs.text);
}
