import type { SeededRandom } from './seeded-random.ts';

const VOCABULARY = 6000;
const SYLLABLES = [
  're',
  'con',
  'ta',
  'mi',
  'lo',
  'ver',
  'str',
  'in',
  'ex',
  'po',
  'da',
  'ser',
  'ing',
  'tion',
  'al',
  'er',
  'un',
  'ca',
  'que',
  'fi',
  'le',
  'map',
  'sync',
  'no',
];
const PATHS = ['src/server/routes.ts', 'src/store/sqlite.ts', 'docs/guide.md', 'tests/api.test.ts', 'web/app.tsx', 'lib/parse.py'];

/** Texts in the likeness of what lies in a coding agent's home, endless and never twice the same. */
export interface TextMaker {
  /** Prose of about so many bytes. */
  prose(bytes: number): string;
  markdown(bytes: number): string;
  code(bytes: number): string;
  json(bytes: number): string;
  /** Lines of a transcript, about so many bytes together, each a JSON object. */
  transcript(bytes: number): string;
}

export function createTextMaker(random: SeededRandom): TextMaker {
  const words = Array.from({ length: VOCABULARY }, () => Array.from({ length: random.int(1, 4) }, () => random.pick(SYLLABLES)).join(''));
  // Words come about as often as in real text: few very often, most rarely (Zipf).
  const word = (): string => words[Math.floor(VOCABULARY ** random.next()) - 1] ?? words[0]!;
  const session = uuid(random);
  let parent: string | null = null;
  let time = Date.UTC(2026, 0, 5, 9);

  function sentences(bytes: number): string {
    const parts: string[] = [];
    for (let length = 0; length < bytes;) {
      const sentence = Array.from({ length: random.int(4, 18) }, word).join(' ');
      parts.push(`${sentence[0]!.toUpperCase()}${sentence.slice(1)}.`);
      length += sentence.length + 2;
    }
    return parts.join(' ');
  }

  function code(bytes: number): string {
    const lines: string[] = [];
    for (let length = 0; length < bytes; length += lines.at(-1)!.length + 1) {
      const pad = '  '.repeat(random.int(0, 4));
      lines.push(
        `${pad}${random.pick(['const', 'let', 'return', 'await', 'if', '//'])} ${word()}${random.pick(['(', '.', ' = '])}${word()}(${word()}, ${random.int(0, 999)});`,
      );
    }
    return `${lines.join('\n')}\n`;
  }

  function line(): string {
    const id = uuid(random);
    time += random.int(500, 60_000);
    const role = random.pick(['user', 'assistant', 'assistant', 'tool']);
    const text = { type: 'text', text: sentences(random.int(100, 1500)) };
    const use = {
      type: 'tool_use',
      id: `toolu_${random.hex(24)}`,
      name: random.pick(['Read', 'Edit', 'Bash']),
      input: { file_path: random.pick(PATHS), command: sentences(40) },
    };
    const result = { type: 'tool_result', tool_use_id: `toolu_${random.hex(24)}`, content: code(random.int(200, 6000)) };
    const content = role === 'tool' ? [result] : role === 'user' ? text.text : [text, use];
    const entry = {
      parentUuid: parent,
      isSidechain: false,
      userType: 'external',
      cwd: '/home/ada/work/api',
      sessionId: session,
      version: '2.0.14',
      gitBranch: 'main',
      type: role === 'assistant' ? 'assistant' : 'user',
      message: {
        role: role === 'assistant' ? 'assistant' : 'user',
        content,
        ...(role === 'assistant' ? { usage: { input_tokens: random.int(1, 9999), output_tokens: random.int(1, 4000) } } : {}),
      },
      uuid: id,
      timestamp: new Date(time).toISOString(),
    };
    parent = id;
    return `${JSON.stringify(entry)}\n`;
  }

  return {
    prose: sentences,
    code,
    markdown: (bytes) =>
      `# ${sentences(20)}\n\n${repeat(bytes, () => `${random.pick(['', '- ', '## '])}${sentences(random.int(60, 500))}\n\n`)}`,
    json: (bytes) =>
      `${JSON.stringify({ id: uuid(random), items: fill(bytes, () => ({ name: word(), value: random.int(0, 1e6), note: sentences(40) })) }, null, 2)}\n`,
    transcript: (bytes) => repeat(bytes, line),
  };
}

function uuid(random: SeededRandom): string {
  return `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-a${random.hex(3)}-${random.hex(12)}`;
}

function repeat(bytes: number, make: () => string): string {
  const parts: string[] = [];
  for (let length = 0; length < bytes; length += parts.at(-1)!.length) parts.push(make());
  return parts.join('');
}

function fill<T>(bytes: number, make: () => T): T[] {
  const items: T[] = [];
  for (let length = 0; length < bytes; length += JSON.stringify(items.at(-1), null, 2).length) items.push(make());
  return items;
}
