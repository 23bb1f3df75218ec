import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createTextMaker } from './corpus-text.ts';
import { createSeededRandom } from './seeded-random.ts';

export interface CorpusSize {
  readonly files: number;
  readonly bytes: number;
}

/** The design's corpus. */
export const FULL_CORPUS: CorpusSize = { files: 5000, bytes: 151_000_000 };

const PROJECT = 'projects/-home-ada-work-api';
const TRANSCRIPTS = [1, 2, 3].map((n) => `0000000${n}-aaaa-4bbb-8ccc-00000000000${n}.jsonl`);
/** What the edit appends to each transcript. */
const APPENDED = 200_000;

/** Writes a Claude home of that size into `root`: three big transcripts (60 % of it), Markdown, JSON and code. */
export async function writeCorpus(root: string, seed: number, size: CorpusSize): Promise<void> {
  const random = createSeededRandom(seed);
  const texts = createTextMaker(random);
  const write = async (name: string, text: string): Promise<number> => {
    await mkdir(path.join(root, path.dirname(name)), { recursive: true });
    await writeFile(path.join(root, name), text);
    return text.length;
  };
  let written = 0;
  for (const name of TRANSCRIPTS) written += await write(`${PROJECT}/${name}`, texts.transcript((size.bytes * 0.6) / TRANSCRIPTS.length));
  written += await write('CLAUDE.md', texts.markdown(8000));
  written += await write('settings.json', settings(0));
  const count = size.files - TRANSCRIPTS.length - 2;
  for (let index = 0; index < count; index++) {
    // Small files of very different sizes that together fill what is left.
    const average = (size.bytes - written) / (count - index);
    const bytes = index === count - 1 ? average : average * 2 * random.next();
    written += await write(...smallFile(index, Math.max(40, bytes)));
  }

  function smallFile(index: number, bytes: number): [string, string] {
    const folder = String(Math.floor(index / 50)).padStart(3, '0');
    switch (index % 4) {
      case 0:
        return [`plans/${folder}/plan-${index}.md`, texts.markdown(bytes)];
      case 1:
        return [`todos/${folder}/todo-${index}.json`, texts.json(bytes)];
      case 2:
        return [`skills/skill-${folder}/tool-${index}.ts`, texts.code(bytes)];
      default:
        return [`${PROJECT}/memory/${folder}/note-${index}.md`, texts.markdown(bytes)];
    }
  }
}

/** The design's edit: 200 KB behind each of three transcripts, two new files, another settings.json. */
export async function editCorpus(root: string, seed: number): Promise<void> {
  const texts = createTextMaker(createSeededRandom(seed));
  const project = await projectOf(root);
  for (const name of TRANSCRIPTS) await appendFile(path.join(root, project, name), texts.transcript(APPENDED));
  await writeFile(path.join(root, 'plans', 'new-plan.md'), texts.markdown(6000));
  await writeFile(path.join(root, project, 'memory', 'new-note.md'), texts.markdown(3000));
  const before = JSON.parse(await readFile(path.join(root, 'settings.json'), 'utf8')) as { revision: number };
  await writeFile(path.join(root, 'settings.json'), settings(before.revision + 1));
}

/** The folder of the corpus's one project, `projects/NAME`: a peer may have given it another name. */
export async function projectOf(root: string): Promise<string> {
  const [name = ''] = await readdir(path.join(root, 'projects'));
  return `projects/${name}`;
}

function settings(revision: number): string {
  return `${JSON.stringify({ revision, theme: revision % 2 === 0 ? 'dark' : 'light', permissions: { allow: ['Bash(npm test)'], deny: ['Bash(rm -rf:*)'] } }, null, 2)}\n`;
}
