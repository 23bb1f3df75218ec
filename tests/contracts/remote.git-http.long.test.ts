import { describeGitOverHttp } from './git-transports.ts';

await describeGitOverHttp();
