import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { CONSENT_KIND, parseAnswer, parseAnswerItem } from '../../kinds/claude-home/consent-answer.ts';
import { partTitle } from '../../kinds/claude-home/part-words.ts';
import { machineNames } from '../machine-names.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { agoText } from '../operations/status-verdict.ts';
import { printable } from '../printable.ts';
import { recordTime } from '../record-times.ts';
import { createRecordWriters } from '../record-writers.ts';

/**
 * Who answered, on whichever machine, the question whose id begins so: `agents/x.md was approved by bea, 12 s ago`. `null`: nobody
 * did, as far as is known here; of what is no consent nothing is kept. O(answers of that id).
 */
export async function answeredBefore(node: SatchelNode, id: string): Promise<string | null> {
  if (!/^[0-9a-f]{4,64}$/i.test(id)) return null;
  const said: string[] = [];
  for (const open of node.spaces.values()) said.push(...(await answersIn(node, open, id.toLowerCase())));
  return said.length === 0 ? null : said.join('; ');
}

async function answersIn(node: SatchelNode, open: OpenSpace, id: string): Promise<string[]> {
  const { replica } = open;
  const states = await replica.list({ kind: CONSENT_KIND, prefix: `consents/${id}` });
  if (states.length === 0) return [];
  const names = await machineNames(node, open);
  const writers = createRecordWriters(replica);
  const said: string[] = [];
  for (const { item, content, position } of states) {
    const named = parseAnswerItem(item);
    // What another machine wrote under this name is no answer of the one that it names.
    if (named === null || content === null || (await writers.at(position)) !== named.machine) continue;
    const answer = parseAnswer(await replica.bodies.read(content).catch(unreadable));
    if (answer === null) continue;
    const time = await recordTime(node, open, position);
    const ago = time === null ? '' : `, ${agoText(node.deps.clock.now() - Date.parse(time))} ago`;
    const who = names.get(named.machine) ?? named.machine.slice(0, 8);
    said.push(`${printable(titleOf(answer.path, node))} was ${answer.answer} by ${printable(who)}${ago}`);
  }
  return said;
}

/** A part of an item is answered as `settings.json#/env/A`. */
function titleOf(path: string, { config }: SatchelNode): string {
  const at = path.indexOf('#/');
  if (at < 0) return path;
  const { userHome: home, claudeHome } = config.environment;
  return partTitle(path.slice(0, at), path.slice(at + 1), null, { home, claudeHome });
}

function unreadable(error: unknown): Uint8Array {
  if (error instanceof BodyUnavailable) return new Uint8Array(0);
  throw error;
}
