import type { RemoteErrorType } from '../core/ports/remote.ts';
import type { RemoteAddress } from '../remotes/drivers.ts';

type Place = 'folder' | 'bucket' | 'git';
type Refusal = Exclude<RemoteErrorType, 'unreachable'>;

export const BUCKET_KEYS =
  'Correct that: what opens a bucket stands in buckets.json beside config.json, or in the environment (docs/guides/bucket.md)';

/** Where a node uses the bucket already. */
export const BUCKET_KEYS_OF_NODE = `${BUCKET_KEYS}: the node reads that file anew whenever the bucket says no, within half a minute, and at once by satchel sync; for another environment it has to be started again`;

/** What helps where a place was tried out, and is no remote now: what is wrong there stands in the error's message. */
const REMEDIES: Readonly<Record<Place, Readonly<Record<Refusal, string>>>> = {
  folder: {
    unfit: 'Choose another folder, or mend this one and run the same again',
    unauthorized: 'Let this user read and write there (owner and mode of what it names), then run the same again',
    refused: 'Make room there, or mount it for writing, then run the same again',
    protocol: 'Bring back what is damaged there, update Satchel where it says so, or choose another folder',
  },
  bucket: {
    unfit: 'Choose another bucket, or correct its address: docs/guides/object-storage.md names stores that will do',
    unauthorized: BUCKET_KEYS,
    refused: 'Make room there, then run the same again',
    protocol: 'Choose another bucket, or another prefix in it; update Satchel where it says so',
  },
  git: {
    unfit: 'Mend that, or choose another repository: docs/guides/git.md says what one needs',
    unauthorized: 'Run the same again once git ls-remote works with that address here',
    refused: 'Make room there, and let branches below satchel/ be pushed and replaced, then run the same again',
    protocol: 'Choose another repository; update Satchel where it says so',
  },
};

/** What helps where a remote of that driver could not be added; `undefined` where it may be there the next time. */
export function addRemedy(driver: RemoteAddress['driver'], type: RemoteErrorType): string | undefined {
  if (driver === 'git' && type === 'unreachable') return REMEDIES.git.unauthorized;
  if (type === 'unreachable' || driver === 'hub') return undefined;
  return REMEDIES[driver === 'folder' || driver === 'git' ? driver : 'bucket'][type];
}
