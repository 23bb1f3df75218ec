import type { OptionSpec } from '../../src/cli/frame-command.ts';
import { flagOf, type Leaf } from './run-here.ts';

export type BadDatabase = 'a folder' | 'no database' | 'another program’s' | 'damaged' | 'another log' | 'other columns';

/** A command line that must be refused, with the reason that it must name. */
export interface BadUse {
  readonly args: readonly string[];
  readonly says: RegExp;
  /** 2 where absent. */
  readonly exit?: number;
  readonly input?: string;
  /** On a machine where Satchel never ran, instead of one whose node is running. */
  readonly fresh?: boolean;
  /** What stands where claude-mem keeps its database, on a machine where Satchel never ran. */
  readonly database?: BadDatabase;
  /** Only where a node is running. */
  readonly running?: boolean;
}

/** What can be got wrong on any command line, from the command's own description. */
export function generatedUses(leaf: Leaf): BadUse[] {
  const { words, spec } = leaf;
  const options = Object.entries(spec.options ?? {});
  const given = Object.entries(spec.arguments ?? {});
  const required = given.filter(([, argument]) => argument.required === true);
  const filler = given.map(() => 'x');
  const uses: BadUse[] = [
    { args: [...words, ...filler, '--frobnicate'], says: /--frobnicate/ },
    { args: [...words, ...filler, '--frobnicate=1'], says: /--frobnicate/ },
    { args: [...words, ...filler, '-z'], says: /-z/ },
    { args: [...words, ...filler, '--jsn'], says: /--jsn[^]*--json/ },
  ];
  if (!given.some(([, argument]) => argument.variadic === true))
    uses.push({ args: [...words, ...filler, 'more'], says: /too many arguments/ });
  if (required.length > 0) uses.push({ args: words, says: new RegExp(required[0]![0]) });
  if (required.length > 1) uses.push({ args: [...words, 'x'], says: new RegExp(required[1]![0]) });
  for (const [index, [name, argument]] of given.entries()) {
    const put = (text: string): string[] => [...words, ...filler.with(index, text)];
    if (argument.required === true) uses.push({ args: put(''), says: new RegExp(name) });
    uses.push(
      { args: put('a\0b'), says: new RegExp(`${name}[^]*NUL`) },
      { args: put('x'.repeat(200_000)), says: new RegExp(`${name}[^]*long`) },
    );
  }
  for (const [key, option] of options) uses.push(...wrongValues(leaf, flagOf(key), option, filler));
  return uses;
}

function wrongValues({ words }: Leaf, flag: string, option: OptionSpec, filler: readonly string[]): BadUse[] {
  const says = new RegExp(flag);
  if (option.type === 'flag') return [{ args: [...words, ...filler, `${flag}=yes`], says }];
  const bad: Record<Exclude<OptionSpec['type'], 'flag'>, readonly string[]> = {
    text: ['', 'a\0b', 'x'.repeat(200_000)],
    list: ['', 'a\0b', 'x'.repeat(200_000)],
    choice: ['', 'frobnicate', 'READER'],
    number: ['', 'many', '1.5', '0x10', '1e3', '٣', ' 7', '99999999999999999999'],
  };
  const ends = option.type === 'number' ? [option.min - 1, ...(option.max === Number.MAX_SAFE_INTEGER ? [] : [option.max + 1])] : [];
  const values = [...bad[option.type], ...ends.map(String)];
  return [
    { args: [...words, ...filler, flag], says: new RegExp(`${flag}.*argument missing`) },
    ...values.map((value) => ({ args: [...words, ...filler, `${flag}=${value}`], says })),
  ];
}

/** Words that mean something only to this command: by its call, then by argument or flag. Places hold `{…}`. */
export type MeaningUses = Readonly<Record<string, Readonly<Record<string, readonly BadUse[]>>>>;

const BAD_DATABASE = (...args: string[]): BadUse[] => [
  { args, fresh: true, database: 'a folder', says: /a folder stands where claude-mem keeps its database[^]*[Mm]ove it away/ },
  { args, fresh: true, database: 'no database', says: /damaged \(file is not a database\)[^]*move claude-mem.db/ },
  { args, fresh: true, database: 'another program’s', says: /a database of another program[^]*Move it away/ },
  { args, fresh: true, database: 'damaged', says: /damaged[^]*move claude-mem.db/ },
  { args, fresh: true, database: 'another log', says: /must not be opened[^]*claude-mem repair/ },
  { args, fresh: true, database: 'other columns', says: /not as this Satchel knows them[^]*repair schema/ },
];
const NO_ENTRY = (command: string): BadUse[] => [
  { args: [command], says: /say which[^]*satchel pending/ },
  { args: [command, 'abc'], says: /nothing of that id waits: abc[^]*satchel pending/ },
  { args: [command, '0'.repeat(64)], says: /nothing of that id waits/ },
  { args: [command, 'x'.repeat(65)], says: /ids?[^]*at most 64/ },
];
const BOTH_WAYS = (command: string): BadUse => ({
  args: [command, 'deadbeef', '--all'],
  says: /either ids or --all, not both[^]*satchel pending/,
});
const NO_SPACE = (...words: string[]): BadUse[] => [
  { args: [...words, '--space', 'elsewhere'], says: /no space elsewhere.*personal[^]*satchel spaces/ },
  { args: [...words, '--space', '../personal'], says: /no space \.\.\/personal/ },
];
const NO_ITEM = (...words: string[]): BadUse[] =>
  [
    ['nothing.md', /no item "nothing\.md"[^]*satchel log/],
    ['../../etc/passwd', /no item "\.\.\/\.\.\/etc\/passwd"/],
    ['rules/../../../etc/passwd', /no item/],
    ['/etc/passwd', /in no folder that this space carries[^]*satchel status/],
    ['{claude}/../.ssh/id_ed25519', /in no folder/],
    ['{claude}', /in no folder/],
    ['{outside}/secret.md', /in no folder/],
    ['~/CLAUDE.md', /no item/],
    ['nokind:CLAUDE.md', /no item/],
    ['claude.md', /no item/],
  ].map(([text, says]) => ({ args: [...words, text as string], says: says as RegExp }));
const NO_REVISION = (...words: string[]): BadUse[] => [{ args: [...words, 'deadbeef'], says: /no revision deadbeef[^]*satchel log/ }];
const NO_MACHINE = (before: string[], ...after: string[]): BadUse[] => [
  { args: [...before, 'zoe', ...after], says: /no machine "zoe"[^]*satchel machines/ },
  { args: [...before, '0', ...after], says: /no machine "0"/ },
  { args: [...before, '\u001b[2J', ...after], says: /no machine "\\u001b\[2J"/ },
];
const BAD_REMOTE = (before: string[], ...after: string[]): BadUse[] => [
  { args: [...before, 'pi', ...after], says: /no scheme/ },
  { args: [...before, 'ftp://bucket', ...after], says: /no remote driver for "ftp:"/ },
  { args: [...before, 'https://user:pass@pi:4600', ...after], says: /credentials/ },
  { args: [...before, 'https://pi:4600/path', ...after], says: /no path/ },
  { args: [...before, 'https://pi:4600/?q=1', ...after], says: /query/ },
  { args: [...before, 'https://pi:port', ...after], says: /no URL/ },
  { args: [...before, 'folder:', ...after], says: /names no folder/ },
  { args: [...before, '//server/share', ...after], says: /mount the share/ },
];
const BAD_LINKS: readonly (readonly [string, RegExp])[] = [
  ['not-a-link', /neither a join link nor the address/],
  ['http://127.0.0.1:1#', /does not begin with satchel1/],
  ['http://127.0.0.1:1#satchel1.', /characters that do not belong|damaged/],
  ['http://127.0.0.1:1#satchel1.AAAA', /damaged/],
  ['http://127.0.0.1:1#satchel1.A A', /damaged/],
  ['http://127.0.0.1:1#satchel9.AAAA', /does not begin with satchel1/],
  ['{link}A', /damaged/],
  ['{shortened link}', /damaged/],
];
const TWELVE = 'legal winner thank year wave sausage worth useful legal winner thank';
const WORDS: readonly (readonly [string, RegExp])[] = [
  ['one two three', /12 words, not 3/],
  [`${TWELVE} zebra`, /do not belong together/],
  [`${TWELVE} frobnicate`, /word 12 is not one of the words/],
];

const BAD_USER = (...words: string[]): BadUse[] => [
  { args: [...words, '--user', 'a b'], says: /--user[^]*letters, digits/ },
  { args: [...words, '--user', '-ada'], says: /--user/ },
  { args: [...words, '--user', 'x'.repeat(129)], says: /--user[^]*letters, digits/ },
];

export const MEANING: MeaningUses = {
  'claude-mem serve': {
    '--user': BAD_USER('claude-mem', 'serve'),
    '--name': [
      { args: ['claude-mem', 'serve', '--user', 'ada', '--name', 'x'.repeat(129)], says: /--name[^]*at most 128/ },
      { args: ['claude-mem', 'serve', '--name', 'laptop'], says: /--name[^]*--user NAME/ },
    ],
    '--revoke': [
      { args: ['claude-mem', 'serve', '--revoke', 'abc'], says: /no token of that id[^]*satchel claude-mem serve/ },
      { args: ['claude-mem', 'serve', '--revoke', 'x'.repeat(300)], says: /no token of that id/ },
    ],
    '--remove-device': [
      { args: ['claude-mem', 'serve', '--remove-device', 'abc'], says: /no device of that id or name[^]*satchel claude-mem serve/ },
    ],
  },
  'claude-mem projects': {
    project: [
      { args: ['claude-mem', 'projects', 'diary'], says: /--local, --space and --personal/ },
      { args: ['claude-mem', 'projects', 'diary', '--local', '--personal'], says: /one of --local/ },
      { args: ['claude-mem', 'projects', 'x'.repeat(1025), '--local'], says: /at most 1024/ },
    ],
    '--space': [
      { args: ['claude-mem', 'projects', 'app', '--space', 'nowhere'], says: /no space nowhere[^]*satchel spaces/ },
      { args: ['claude-mem', 'projects', '--space', 'team'], says: /name a project/ },
    ],
  },
  'claude-mem repair': { check: [{ args: ['claude-mem', 'repair', 'nonsense'], says: /no such check[^]*satchel doctor/ }] },
  'mneme serve': {
    '--name': [{ args: ['mneme', 'serve', '--name', 'x'.repeat(129)], says: /--name[^]*at most 128/ }],
    '--project': [{ args: ['mneme', 'serve', '--project', 'x'], says: /--project[^]*--name/ }],
    '--revoke': [{ args: ['mneme', 'serve', '--revoke', 'abc'], says: /no token of that id[^]*satchel mneme status/ }],
  },
  'mneme connect': {
    '--server': [
      { args: ['mneme', 'connect', '--server', 'hub.example'], says: /address of a server/ },
      { args: ['mneme', 'connect', '--server', 'ftp://hub.example/'], says: /address of a server/ },
      { args: ['mneme', 'connect', '--server', 'https://ada:secret@hub.example'], says: /address of a server/ },
      { args: ['mneme', 'connect', '--server', 'https://hub.example/mneme'], says: /without a path/ },
      { args: ['mneme', 'connect', '--server', 'http://hub.example'], says: /plain http/, exit: 5 },
      { args: ['mneme', 'connect', '--server', 'https://hub.example'], says: /no token|standard input/ },
    ],
  },
  'mneme import': { folder: [{ args: ['mneme', 'import', '/nowhere/at/all'], says: /no folder "projects"/ }] },
  'claude-mem connect': {
    '--user': [
      ...BAD_USER('claude-mem', 'connect'),
      {
        args: ['claude-mem', 'connect', '--user', 'ada'],
        says: /saved as ada would reach none of your other machines[^]*satchel claude-mem connect/,
      },
    ],
    '--hub': [
      { args: ['claude-mem', 'connect', '--hub', 'hub.example'], says: /address of a gateway/ },
      { args: ['claude-mem', 'connect', '--hub', 'ftp://hub.example/'], says: /address of a gateway/ },
      { args: ['claude-mem', 'connect', '--hub', 'https://ada:secret@hub.example/claude-mem'], says: /address of a gateway/ },
      { args: ['claude-mem', 'connect', '--hub', 'https://hub.example/claude-mem?token=x'], says: /address of a gateway/ },
      { args: ['claude-mem', 'connect', '--hub', 'http://hub.example/claude-mem'], says: /plain http/, exit: 5 },
      { args: ['claude-mem', 'connect', '--hub', 'https://hub.example/claude-mem'], says: /no token|standard input/ },
    ],
    database: [
      ...BAD_DATABASE('claude-mem', 'connect'),
      ...BAD_DATABASE('claude-mem', 'connect', '--hub', 'https://hub.example/claude-mem'),
    ],
  },
  up: {
    '--host': [
      { args: ['up', '--host', 'http://pi'], says: /--host[^]*host name or an IP address/ },
      { args: ['up', '--host', 'a b'], says: /--host[^]*host name/ },
      { args: ['up', '--host', '192.0.2.1'], says: /no address of this machine[^]*--host 0.0.0.0/, fresh: true },
      { args: ['up', '--hub', '--host', '192.0.2.1'], says: /no address of this machine/, fresh: true },
    ],
    '--store': [
      { args: ['up', '--hub', '--store', 'mysql://ada@db/satchel'], says: /--store[^]*postgres:\/\// },
      { args: ['up', '--hub', '--store', 'postgres://ada:geheim@db/satchel'], says: /^(?![^]*geheim)[^]*without a password/ },
      { args: ['up', '--hub', '--store', 'postgres://db/satchel'], says: /a user and a database/ },
    ],
    '--objects': [
      { args: ['up', '--store', 'postgres://ada@db/satchel'], says: /only a hub keeps its store in a database/ },
      { args: ['up', '--hub', '--objects', 'ftp://bucket'], says: /--objects[^]*s3:\/\// },
      { args: ['up', '--hub', '--objects', 's3://ada:geheim@bucket'], says: /^(?![^]*geheim)[^]*without credentials/ },
      { args: ['up', '--objects', 's3://bucket?endpoint=https://minio.example.org'], says: /only a hub keeps chunks in a bucket/ },
    ],
  },
  join: {
    link: [
      ...BAD_LINKS.map(([link, says]) => ({ args: ['join', link], says })),
      ...BAD_LINKS.map(([input, says]) => ({ args: ['join', '-'], input, says })),
      { args: ['join'], says: /no link was given[^]*satchel invite/ },
      { args: ['join', '-'], input: '{"link": 5}', says: /no link was given/ },
      { args: ['join', '-'], input: '{"link": ', says: /no link was given/ },
      { args: ['join', '-'], input: 'x'.repeat(100_000), says: /more than 65536 bytes/ },
      { args: ['join', '-'], input: 'http://a#\0', says: /does not begin/ },
      { args: ['join', 'http://127.0.0.1:1'], says: /12 words/ },
      { args: ['join', '{link}'], says: /made that invitation itself[^]*other machine/, running: true },
    ],
    '--name': [
      { args: ['join', '{link}', '--name', ' '], says: /name/ },
      { args: ['join', '{link}', '--name', 'x'.repeat(65)], says: /name: expected at most 64 characters/ },
      { args: ['join', '{link}', '--name', 'a\nb'], says: /name: expected a name without line breaks/ },
      { args: ['join', '{link}', '--name', '\u001b[31mred'], says: /name: expected a name without line breaks, control characters/ },
    ],
    '--switch': [{ args: ['join', '{link}', '--switch'], says: /made that invitation itself[^]*other machine/, running: true }],
    '--words': [
      { args: ['join', 'http://127.0.0.1:1', '--words', 'zoo zoo zoo'], says: /not given as arguments/ },
      ...WORDS.map(([words, says]) => ({ args: ['join', 'http://127.0.0.1:1', '--words', '-'], input: words, says })),
    ],
  },
  invite: { '--space': NO_SPACE('invite') },
  pending: { id: NO_ENTRY('pending').slice(1) },
  approve: { id: [...NO_ENTRY('approve'), BOTH_WAYS('approve')] },
  reject: { id: [...NO_ENTRY('reject'), BOTH_WAYS('reject')] },
  log: { item: NO_ITEM('log'), '--space': NO_SPACE('log') },
  show: { item: [...NO_ITEM('show'), ...NO_REVISION('show')], '--space': NO_SPACE('show', 'CLAUDE.md') },
  diff: {
    item: NO_ITEM('diff'),
    '--from': [
      ...NO_REVISION('diff', 'CLAUDE.md', '--from'),
      { args: ['diff', 'CLAUDE.md', '--from', 'yesterday'], says: /a revision is 4 to 64/ },
      { args: ['diff', 'CLAUDE.md', '--from', 'dea'], says: /a revision is 4 to 64/ },
    ],
    '--to': NO_REVISION('diff', 'CLAUDE.md', '--to'),
    '--space': NO_SPACE('diff', 'CLAUDE.md'),
  },
  restore: {
    item: [
      ...NO_ITEM('restore'),
      ...NO_REVISION('restore'),
      { args: ['restore', 'rules/once.md'], says: /no earlier version of rules\/once\.md[^]*satchel log/ },
    ],
    '--space': NO_SPACE('restore', 'CLAUDE.md'),
  },
  conflicts: { '--space': NO_SPACE('conflicts') },
  resolve: {
    item: [
      ...NO_ITEM('resolve', '--take', 'current').map((use) => use),
      { args: ['resolve', 'CLAUDE.md'], says: /no open conflict/ },
      { args: ['resolve', 'CLAUDE.md', '--take', 'current', '--file', 'x'], says: /--take or --file/ },
      { args: ['resolve', 'CLAUDE.md', '--take', 'current'], says: /no open conflict[^]*satchel conflicts/ },
    ],
    '--sibling': [
      { args: ['resolve', 'CLAUDE.md', '--take', 'sibling', '--sibling', 'deadbeef'], says: /no open conflict/ },
      { args: ['resolve', 'CLAUDE.md', '--take', 'current', '--sibling', 'deadbeef', '--all'], says: /either --sibling or --all/ },
    ],
    '--file': [
      { args: ['resolve', 'CLAUDE.md', '--file', '{outside}/nothing'], says: /nothing cannot be read/ },
      { args: ['resolve', 'CLAUDE.md', '--file', '{outside}'], says: /cannot be read/ },
      { args: ['resolve', 'CLAUDE.md', '--file', '{huge}'], says: /longer than/ },
      { args: ['resolve', 'CLAUDE.md', '--file', '-'], input: 'x', says: /no open conflict/ },
    ],
    '--space': NO_SPACE('resolve', 'CLAUDE.md', '--take', 'current'),
  },
  leave: {},
  search: {
    query: [
      { args: ['search', '=>', '"'], says: /no word in it to search for[^]*satchel search --help/ },
      { args: ['search', Array.from({ length: 65 }, (_, i) => `w${i}`).join(' ')], says: /65 different words, 64 at most/ },
      { args: ['search', 'x '.repeat(4_096), 'y'], says: /query: expected at most 8192 characters/ },
    ],
    '--project': [{ args: ['search', 'x', '--project', 'x'.repeat(5_000)], says: /project: expected at most 4096 characters/ }],
    '--type': [{ args: ['search', 'x', '--type', 'x'.repeat(129)], says: /type: expected at most 128 characters/ }],
    '--machine': NO_MACHINE(['search', 'x', '--machine']),
    '--since': [
      { args: ['search', 'x', '--since', 'yesterday'], says: /--since "yesterday": expected 2026-11-21[^]*7d/ },
      { args: ['search', 'x', '--since', '2026-02-30'], says: /no day 2026-02-30/ },
    ],
    '--until': [{ args: ['search', 'x', '--until', '-7d'], says: /--until/ }],
    '--around': [
      { args: ['search', '--around', 'kkkkkkkkkk'], says: /nothing has the id "kkkkkkkkkk"[^]*satchel search/ },
      { args: ['search', '--around', '3f9a12cd'], says: /nothing has the id/ },
      { args: ['search', 'words', '--around', 'kkkkkkkkkk'], says: /--around takes no words/ },
    ],
  },
  'sessions list': { search: [{ args: ['sessions', 'x'.repeat(2_000)], says: /search/ }] },
  'sessions restore': {
    session: [
      { args: ['sessions', 'restore', 'dead'], says: /no session of that id: dead[^]*satchel sessions/ },
      { args: ['sessions', 'restore', 'abc'], says: /session/ },
      { args: ['sessions', 'restore', 'x'.repeat(65)], says: /session/ },
    ],
  },
  'projects map': {
    project: [
      { args: ['projects', 'map', 'nothing', '.'], says: /no project of that id: nothing[^]*satchel projects/ },
      { args: ['projects', 'map', 'x'.repeat(129), '.'], says: /project/ },
    ],
    folder: [
      { args: ['projects', 'map', 'nothing', './no/such/folder'], says: /no such folder/ },
      { args: ['projects', 'map', 'nothing', 'package.json'], says: /no such folder/ },
    ],
  },
  'machines list': { '--space': NO_SPACE('machines', 'list') },
  'machines revoke': {
    machine: [
      ...NO_MACHINE(['machines', 'revoke'], '--yes'),
      { args: ['machines', 'revoke', 'ana'], says: /no terminal[^]*--yes/ },
      { args: ['machines', 'revoke', 'ana', '--yes'], exit: 5, says: /itself|last owner|only owner/ },
    ],
    '--space': NO_SPACE('machines', 'revoke', 'ana', '--yes'),
  },
  'machines role': {
    machine: [
      ...NO_MACHINE(['machines', 'role'], 'reader'),
      { args: ['machines', 'role', 'ana', 'reader'], exit: 5, says: /last owner[^]*another machine an owner/ },
    ],
    role: [{ args: ['machines', 'role', 'ana', 'king'], says: /a role is reader, writer or owner/ }],
    '--space': NO_SPACE('machines', 'role', 'ana', 'reader'),
  },
  'machines rename': {
    machine: NO_MACHINE(['machines', 'rename'], 'new'),
    name: [
      { args: ['machines', 'rename', 'ana', ' '], says: /name/ },
      { args: ['machines', 'rename', 'ana', 'x'.repeat(65)], says: /name: expected at most 64 characters/ },
      { args: ['machines', 'rename', 'ana', 'a\nb'], says: /name: expected a name without line breaks/ },
      { args: ['machines', 'rename', 'ana', 'a\u202eb'], says: /name: expected a name without line breaks/ },
    ],
  },
  'spaces move': {
    space: [
      { args: ['spaces', 'move', 'elsewhere', 'here'], says: /no space elsewhere/ },
      { args: ['spaces', 'move', 'per', 'here'], says: /no space per/ },
    ],
    remote: [
      ...BAD_REMOTE(['spaces', 'move', 'personal']),
      { args: ['spaces', 'move', 'personal', 'http://127.0.0.1:1'], says: /no remote of this machine yet[^]*satchel remotes add/ },
      { args: ['spaces', 'move', 'personal', '{outside}'], says: /no remote of this machine yet/ },
    ],
  },
  'remotes add': {
    remote: [
      ...BAD_REMOTE(['remotes', 'add']),
      ...BAD_LINKS.filter(([link]) => link.includes('#satchel1.')).map(([link, says]) => ({ args: ['remotes', 'add', link], says })),
      { args: ['remotes', 'add', '{link}'], says: /invites into a space[^]*satchel join/ },
      { args: ['remotes', 'add', '-'], says: /address is empty/ },
      { args: ['remotes', 'add', 'http://127.0.0.1:1'], exit: 5, says: /added by its invitation[^]*satchel invite --hub/ },
      { args: ['remotes', 'add', '{outside}/stick'], says: /stick is not there: is the stick plugged in[^]*mkdir / },
      { args: ['remotes', 'add', '{outside}/no/stick'], says: /is not there: is the stick plugged in/ },
      { args: ['remotes', 'add', '{outside}/secret.md'], says: /secret\.md is no folder/ },
      { args: ['remotes', 'add', '{outside}/secret.md/x'], says: /is not there/ },
    ],
    '--as': [
      { args: ['remotes', 'add', '{outside}/stick', '--as', 'http://pi:4600'], says: /--as takes the address of a folder/ },
      { args: ['remotes', 'add', 's3://bucket/satchel?region=eu-central-1', '--as', 'folder:/stick'], says: /--as is for folders/ },
      { args: ['remotes', 'add', 'git@127.0.0.1:satchel.git', '--as', 'folder:/stick'], says: /--as is for folders/ },
    ],
    '--batch': [
      { args: ['remotes', 'add', '{outside}', '--batch', '5'], says: /--batch is for buckets/ },
      { args: ['remotes', 'add', 'git@127.0.0.1:satchel.git', '--batch', '5'], says: /--batch is for buckets/ },
      { args: ['remotes', 'add', '{link}', '--batch', '5'], says: /--batch is for buckets/ },
      { args: ['remotes', 'add', 'http://127.0.0.1:1', '--batch', '5'], says: /--batch is for buckets/ },
    ],
  },
  'remotes remove': {
    remote: [...BAD_REMOTE(['remotes', 'remove']), { args: ['remotes', 'remove', '{outside}'], says: /no such remote[^]*satchel remotes/ }],
  },
  'keys recovery': {
    '--space': [{ args: ['keys', 'recovery', '--space', 'elsewhere'], exit: 5, says: /on a terminal only/ }],
  },
  'keys recover': {
    at: [
      ...BAD_REMOTE(['keys', 'recover'], '-').map((use) => ({ ...use, input: '{recovery words}' })),
      { args: ['keys', 'recover', 'http://127.0.0.1:1#satchel1.AAAA', '-'], input: '{recovery words}', says: /damaged/ },
    ],
    words: [
      { args: ['keys', 'recover', '/tmp', 'abandon'], says: /secret: they are typed/ },
      { args: ['keys', 'recover', '/tmp'], says: /no terminal/ },
      { args: ['keys', 'recover', '/tmp', '-'], input: TWELVE, says: /24 words, not 11/ },
      { args: ['keys', 'recover', '/tmp', '-'], input: 'abandon '.repeat(24), says: /do not belong together/ },
      { args: ['keys', 'recover', '/tmp', '-'], input: 'x'.repeat(5000), says: /more than 4096 bytes/ },
    ],
    '--space': [
      { args: ['keys', 'recover', '/tmp', '-', '--space', 'personal'], input: '{recovery words}', says: /a space’s id is 64 characters/ },
    ],
  },
  'leases release': { name: [{ args: ['leases', 'release', 'nothing'], says: /no lease|nothing/ }] },
  'audit list': { '--space': NO_SPACE('audit', 'list') },
  forget: {
    items: [
      ...NO_ITEM('forget', '--yes'),
      { args: ['forget', 'CLAUDE.md'], says: /no terminal[^]*--yes/ },
      { args: ['forget', 'CLAUDE.md', 'nothing.md', '--yes'], says: /no item "nothing\.md"/ },
    ],
    '--revision': [
      ...NO_REVISION('forget', 'CLAUDE.md', '--yes', '--revision'),
      { args: ['forget', 'CLAUDE.md', '--yes', '--revision', 'old'], says: /a revision is 4 to 64/ },
      { args: ['forget', '--revision', 'deadbeef'], says: /item/ },
    ],
    '--space': NO_SPACE('forget', 'CLAUDE.md', '--yes'),
  },
  'store prune': {
    '--space': NO_SPACE('store', 'prune', '--older-than', '1'),
    '--older-than': [{ args: ['store', 'prune'], says: /--older-than DAYS/ }],
  },
  'store backup': {
    file: [
      { args: ['store', 'backup', '{outside}/secret.md'], says: /exists|is there already/ },
      { args: ['store', 'backup', '{outside}/no/where.age'], says: /where\.age|no folder|not there/ },
      { args: ['store', 'backup', '{outside}'], says: /exists|is there already|folder/ },
    ],
    '--to': [{ args: ['store', 'backup', '{outside}/b.age', '--to', 'ssh-ed25519 AAAA'], says: /age recipient|age1/ }],
  },
  'store migrate': {
    '--to': [
      { args: ['store', 'migrate'], says: /--to postgres:\/\// },
      { args: ['store', 'migrate', '--to', 'mysql://ada@db/satchel'], says: /postgres:\/\// },
      { args: ['store', 'migrate', '--to', 'postgres://ada:geheim@db/satchel'], says: /^(?![^]*geheim)[^]*without a password/ },
      { args: ['store', 'migrate', '--to', 'postgres://ada@127.0.0.1:1/satchel'], says: /runs already/, exit: 1 },
      { args: ['store', 'migrate', '--to', 'postgres://ada@127.0.0.1:1/satchel'], says: /there is no store/, exit: 5, fresh: true },
    ],
  },
  'store restore': {
    file: [
      { args: ['store', 'restore', '{outside}', '--key', '{key}'], says: /outside is no file, and no backup/, fresh: true },
      { args: ['store', 'restore', '{outside}/nothing.age', '--key', '{key}'], says: /nothing\.age cannot be read/ },
    ],
    '--key': [
      { args: ['store', 'restore', '{outside}/secret.md'], says: /no terminal to ask for the recovery key[^]*--key/, fresh: true },
      // Where there is a home already, nobody is asked for a key.
      { args: ['store', 'restore', '{outside}/secret.md'], exit: 5, says: /not empty/ },
      { args: ['store', 'restore', '{outside}/secret.md', '--key', '{outside}/nothing'], says: /nothing cannot be read/, fresh: true },
      { args: ['store', 'restore', '{outside}/secret.md', '--key', '-'], input: 'x', says: /24 words, not 1/, fresh: true },
      { args: ['store', 'restore', '{outside}/secret.md', '--key', '{key}'], exit: 5, says: /not empty|another one/ },
      { args: ['store', 'restore', '{outside}/secret.md', '--key', '{key}'], fresh: true, exit: 1, says: /no backup[^]*another backup/ },
    ],
  },
};
