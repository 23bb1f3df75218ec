import { editCorpus, FULL_CORPUS, writeCorpus } from '../corpus.ts';
import type { Load } from '../load.ts';
import { run } from '../measured-process.ts';

/** The Claude home of corpus.ts. */
export function filesLoad(scale: number): Load {
  const size = { files: Math.max(20, Math.round(FULL_CORPUS.files * scale)), bytes: Math.round(FULL_CORPUS.bytes * scale) };
  return {
    name: 'files',
    description: `${size.files} files, ${(size.bytes / 1e6).toFixed(0)} MB`,
    write: (folder, seed) => writeCorpus(folder, seed, size),
    edit: editCorpus,
    difference: folderDifference,
  };
}

export async function folderDifference(source: string, target: string): Promise<string> {
  return (await run(['diff', '-rq', '--exclude=.git', '--exclude=.stfolder', source, target], { fine: [1] })).stdout;
}
