import { describeGitOverHttp, describeGitOverSsh } from './git-transports.ts';
import type { ContractPart } from './remote.ts';

/** What goes another way over the network: who was first, and bodies by their names. All of the contract runs in `npm run test:long`. */
const PARTS: readonly ContractPart[] = ['compare and swap', 'checkpoints'];

await describeGitOverSsh(PARTS);
await describeGitOverHttp(PARTS);
