import { PlaceDamaged, RemoteError, type RemoteErrorType } from '../../core/ports/remote.ts';

export const NO_GIT_HOST = 'what answers there is no git host, but a Wi-Fi’s page, or a proxy’s, perhaps';

/** What git says, in the words of its C locale, and what it means to the caller. The first that matches counts. */
const MEANINGS: readonly (readonly [pattern: RegExp, type: RemoteErrorType, words: string])[] = [
  [
    /fsck error|error: object [0-9a-f]{40}:|error in (tag|tree|commit|blob)|badly formed|unresolved deltas|invalid index-pack output/i,
    'protocol',
    'the repository holds what git refuses to read',
  ],
  [
    /remote host identification has changed|^host key for .* has changed/im,
    'unauthorized',
    'the host shows another key than the one that ssh knows it by: somebody may stand in between. Where whoever runs it says that it has a new one, remove the old one with ssh-keygen -R, connect once by hand with ssh, and compare',
  ],
  [/host key verification failed/i, 'unauthorized', 'ssh does not know this host: connect once by hand with ssh, and compare its key'],
  [
    /marked as read.?only|write access to repository not granted|user permission denied for writing|does not have write access/i,
    'unauthorized',
    'this machine may read there, and not write: give its key or token the right to write',
  ],
  [
    /permission denied|authentication failed|could not read (username|password)|terminal prompts disabled|invalid credentials|access denied|not authorized|returned error: 40[13]/i,
    'unauthorized',
    'the git host does not take this machine’s credentials: check them with git ls-remote',
  ],
  [/detected dubious ownership/i, 'unauthorized', 'the repository belongs to another user: see safe.directory in git help config'],
  [
    /repository not found|returned error: 404|could not be found or you don/i,
    'unauthorized',
    'the git host shows no such repository to this machine',
  ],
  [/transport '.*' not allowed/i, 'unfit', 'git is configured to go there by another transport'],
  [
    /mismatched algorithms|unknown object format|unsupported object format/i,
    'unfit',
    'the repository uses SHA-256 names, which few hosts take: make one with SHA-1',
  ],
  [/no space left|disk quota|quota exceeded|storage limit|over.*quota/i, 'refused', 'there is no room'],
  [/exceeds .*(limit|size)|file size limit|too large/i, 'refused', 'the git host does not take so much at once'],
  [/hook declined|protected branch|pre-receive|not allowed to push|push declined/i, 'refused', 'the git host does not take what is pushed'],
  [/info\/refs not valid|invalid server response|bad line length character/i, 'unreachable', NO_GIT_HOST],
  [/does not appear to be a git repository|no such file or directory/i, 'unreachable', 'there is no git repository (any more)'],
];

/** The host itself lacks, or cannot read, what its branch consists of. */
const DAMAGED_THERE = /not our ref|repository corruption on the remote side/i;

/** A host's repository that is not whole. `said`: what git had to say. */
export function repositoryDamaged(address: string, said: string): PlaceDamaged {
  const words = lastWords(said);
  return new PlaceDamaged(
    `${address}: the repository is damaged, what a branch of it consists of is not there${words === '' ? '' : ` (git: ${words})`}`,
  );
}

/** The error of a git that failed. Its words come from the host in part: they are shortened, and have no control characters. */
export function gitError(address: string, stderr: string): RemoteError {
  if (DAMAGED_THERE.test(stderr)) return repositoryDamaged(address, stderr);
  const said = lastWords(stderr);
  const meaning = MEANINGS.find(([pattern]) => pattern.test(stderr));
  const words = meaning === undefined ? 'git could not reach the repository' : meaning[2];
  return new RemoteError(meaning?.[1] ?? 'unreachable', `${address}: ${words}${said === '' ? '' : ` (git: ${said})`}`);
}

const SAID = 300;

function lastWords(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[\0-\x1f\x7f-\x9f]/g, ' ').trim())
    .filter((line) => /^(fatal|error|remote|ssh|Permission|Host key|!)|: Permission denied \(/i.test(line))
    // A helper may have put a credential into a URL.
    .map((line) => line.replace(/\/\/[^/@\s]*@/g, '//'));
  const first = lines.find((line) => /^(fatal|error)/i.test(line));
  // Of ssh git says no more than that it could not read: the cause stands in the line before.
  const cause = lines.filter((line) => /^ssh: |^Host key|Permission denied \(/i.test(line)).slice(0, 1);
  const shown = [
    ...new Set([
      ...lines.filter((line) => /^remote: *(error|fatal|GitLab|GH|!)/i.test(line)).slice(0, 1),
      ...cause,
      first ?? lines.at(-1) ?? '',
    ]),
  ];
  return shown.join('; ').slice(0, SAID);
}

/** What of a failure lies in the cache here, and goes with it. */
export function isCacheDamage(stderr: string): boolean {
  return /\.lock': file exists|unable to create .*\.lock|loose object .* is corrupt|object file .* is empty|bad object|did not send all necessary objects|did not receive expected object|object of unexpected type|packfile .* (cannot be|does not match|is corrupt)|index file .* (corrupt|too small)|not a git repository: '|unable to read|missing (blob|tree|commit)|inflate: data stream error|bad (index|pack)|remote did not send|shallow file has changed|invalid sha1 pointer|revision walk setup failed|broken links?/i.test(
    stderr,
  );
}
