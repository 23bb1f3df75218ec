import { describeGitOverSsh } from './git-transports.ts';

await describeGitOverSsh();
