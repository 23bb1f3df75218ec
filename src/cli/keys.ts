import type { SpaceId } from '../core/ids.ts';
import { secretToWords, wordsToSecret } from '../core/joining/words.ts';
import { nodeHome } from '../node/home.ts';
import { readRecoverySecret } from '../node/recovery-file.ts';
import { createSystemRandom } from '../node/system.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandSpec } from './frame-command.ts';
import { leftBehindLines } from './left-behind-lines.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';
import { remoteArgument } from './remotes.ts';

const CLEAR = '\u001b[2J\u001b[3J\u001b[H';
const ATTEMPTS = 3;

const list = defineCommand({
  summary: 'Show which keys this machine holds, and the words of its own: never a secret',
  examples: ['satchel keys'],
  notes:
    'The eight words are this machine’s identity: satchel machines --words shows the same ones on the others. A space’s key gets a new number whenever a machine is revoked.\nJSON: {machine: {name, id, words}, spaces: [{space, name, epoch, holds_key, recovery: "shown"|"unshown", recovery_id}]}.',
  async run(context) {
    const result = await askNode(context, 'keys', {});
    const rows = result.spaces.map((s) => [
      s.name,
      s.epoch,
      s.holds_key ? 'yes' : { text: 'no', style: context.style.yellow },
      s.recovery === 'shown'
        ? 'not kept here'
        : { text: context.asCalled('never written down; run: satchel keys recovery'), style: context.style.yellow },
    ]);
    const columns = [{ title: 'SPACE' }, { title: 'KEY NO.', align: 'right' as const }, { title: 'HERE' }, { title: 'RECOVERY KEY' }];
    const table = rows.length === 0 ? 'No spaces yet.' : renderTable(columns, rows, context.style.dim);
    return {
      human: `${printable(result.machine.name)}: ${result.machine.id.slice(0, 12)}\n${result.machine.words}\n\n${table}`,
      json: result,
    };
  },
});

const recovery = defineCommand({
  summary: 'Show the recovery key once, as 24 words to write down',
  options: {
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
    replace: { type: 'flag', summary: 'make a new one; the old words stop working' },
  },
  examples: ['satchel keys recovery', 'satchel keys recovery --replace'],
  notes:
    'Only on a terminal. With these words everything can be brought back when all machines are lost: satchel keys recover. With --json it is refused: {error}.',
  async run(context) {
    const { space, replace } = context.options;
    // Asked first, so that nothing is changed where the words could not be shown.
    const ready = await context.ask(
      replace
        ? 'A new recovery key will be made, and shown on this screen. The 24 words that you wrote down before open nothing from then on: strike them out.\nHave pen and paper ready, and nobody behind you. Go on? [y/N] '
        : 'The recovery key will be shown on this screen. Have pen and paper ready, and nobody behind you. Go on? [Y/n] ',
    );
    if (ready === null)
      throw new CommandFailure(EXIT.refused, 'no-terminal', 'the recovery key is shown on a terminal only', {
        next: 'Run it on a terminal of this machine, without --json',
      });
    if (replace ? !/^\s*y/i.test(ready) : /^\s*n/i.test(ready))
      return { human: replace ? 'Nothing was changed, and nothing shown.' : 'Nothing was shown.', json: { shown: false } };
    const prepared = await askNode(context, 'recovery-prepare', { replace, ...(space === undefined ? {} : { space }) });
    // Read here, from its 0600 file: it never passes through the node's API.
    const secret = await readRecoverySecret(nodeHome(context.environment.home), prepared.space as SpaceId);
    if (secret === null)
      throw new CommandFailure(
        EXIT.refused,
        'shown-already',
        `the recovery key of ${prepared.name} is not kept on this machine: it was shown, or made elsewhere`,
        {
          next: 'To make a new one: satchel keys recovery --replace',
        },
      );
    await showAndCheck(context, secretToWords(secret).split(' '));
    await askNode(context, 'recovery-shown', { space: prepared.space });
    const old = prepared.replaced ? ' The words before these open nothing any more: strike them out.' : '';
    return {
      human: context.asCalled(`Good. It is only on your paper now.${old} With it: satchel keys recover ADDRESS`),
      json: { shown: true },
    };
  },
});

/** Shows the words, takes them off the screen, and asks for two of them. */
async function showAndCheck(context: CommandContext, words: readonly string[]): Promise<void> {
  const shown = [0, 6, 12, 18].map((from) =>
    words
      .slice(from, from + 6)
      .map((word, index) => `${String(from + index + 1).padStart(2)} ${word.padEnd(9)}`)
      .join(' '),
  );
  const random = createSystemRandom();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await context.ask(
      `\n${shown.join('\n')}\n\nWrite all 24 down, in this order. Then press Enter: the screen is cleared. `,
    );
    if (answer === null) break;
    const first = (random.bytes(1)[0] ?? 0) % 12;
    const second = 12 + ((random.bytes(1)[0] ?? 0) % 12);
    let isRight = true;
    for (const [index, prefix] of [
      [first, CLEAR],
      [second, ''],
    ] as const) {
      const typed = await context.ask(`${prefix}Word number ${index + 1}: `);
      if (typed === null) throw notConfirmed();
      if (typed?.trim().toLowerCase() !== words[index]) isRight = false;
    }
    if (isRight) return;
    context.print('That is not what was shown. Once more:');
  }
  throw notConfirmed();
}

function notConfirmed(): CommandFailure {
  return new CommandFailure(EXIT.failed, 'not-confirmed', 'the words were not confirmed, so the key stays here', {
    next: 'Run: satchel keys recovery',
  });
}

const recover = defineCommand({
  summary: 'Bring everything back with the 24 words, when all machines are lost',
  arguments: {
    at: {
      summary:
        'where the log is kept: a hub’s address or link, a folder’s path, or `here` (of a store that was restored here, where the one before is gone for good)',
      required: true,
    },
    words: { summary: '`-` reads the words from standard input (default: asks for them)' },
  },
  options: {
    space: { type: 'text', value: 'ID', summary: 'only this space (default: all that the key opens there)' },
    lost: {
      type: 'flag',
      summary: 'where the log there says that it moved away: go on from there, since the place that it names is lost for good',
    },
  },
  examples: ['satchel keys recover https://pi.local:4600', 'satchel keys recover /media/stick/satchel'],
  notes:
    'Makes this machine an owner, and its folders are in what is recovered from then on: a space that they leave, and its history, stays here under another name. Where the log there is an old copy, from before the space moved, it is recovered where it says that it moved to.\nJSON: {recovered: [{space, name, items, position, machine, other_machines, remote, moved_with_record (null: it had not moved)}], remote, pending, left_behind: {space, name, machines: [name], id (this machine’s)} or null (the space with others that its folders left), running}.',
  async run(context) {
    const { at, words: given } = context.args;
    if (given !== undefined && given !== '-')
      throw new CommandFailure(
        EXIT.usage,
        'usage',
        'the words are secret: they are typed, or read from standard input with `-`, not given as arguments',
      );
    const words = given === '-' ? await context.readStdin(4096) : await context.ask('The 24 words, in order: ');
    if (words === null)
      throw new CommandFailure(EXIT.usage, 'usage', 'there is no terminal to ask for the words', {
        next: `Run: satchel keys recover ADDRESS - < FILE`,
      });
    const secret = wordsToSecret(words, 24);
    if (!secret.ok)
      throw new CommandFailure(EXIT.usage, 'bad-words', secret.error, { next: 'Read them again from where you wrote them down' });
    const { space, lost } = context.options;
    const result = await askNode(context, 'recover', {
      lost,
      at: at === 'here' || at.includes('#satchel1.') ? at : remoteArgument(at),
      words,
      ...(space === undefined ? {} : { space }),
    });
    const lines = result.recovered.map(
      (r) => `${r.name}: ${counted(r.items, 'item')} ${r.items === 1 ? 'is' : 'are'} back (record ${r.position}).`,
    );
    for (const { name, remote, moved_with_record: moved } of result.recovered) {
      if (moved === null) continue;
      lines.push(
        lost
          ? `Its log said with record ${moved} that ${printable(name)} moved away; its home is ${printable(remote ?? 'here')} again. What came behind that record is not here.`
          : `What lies at ${printable(result.remote)} is an old copy: it says with record ${moved} that ${printable(name)} moved. It was recovered where it is now, ${printable(remote ?? 'here')}.`,
      );
    }
    const others = [...new Set(result.recovered.flatMap((r) => r.other_machines))];
    const called = [...new Set(result.recovered.map(({ machine }) => machine))];
    if (others.length > 0) lines.push(`This machine is called ${called.map(printable).join(', ')} there.`);
    if (others.length > 0)
      lines.push(
        `Still listed: ${others.map(printable).join(', ')}. ${context.asCalled('For each that is lost or stolen: satchel machines revoke NAME')}`,
      );
    if (result.left_behind !== null) lines.push(...leftBehindLines(context, result.left_behind));
    // Whatever waits for nobody was put in place with it.
    if (result.pending > 0)
      lines.push(
        context.asCalled(
          `${counted(result.pending, 'thing waits', 'things wait')} for your answer before ${result.pending === 1 ? 'it is' : 'they are'} put in place: satchel pending`,
        ),
      );
    lines.push(
      result.running ? 'The node that runs here carries it from now on.' : context.asCalled('To carry it from now on: satchel up'),
    );
    return { human: lines.join('\n'), json: result };
  },
});

export const keysCommand: CommandSpec = {
  summary: 'Keys of this machine, and the recovery key.',
  verbs: { list, recovery, recover },
  bare: 'list',
};
