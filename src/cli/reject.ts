import { answerCommand } from './answer-pending.ts';

export const rejectCommand = answerCommand({
  answer: 'reject',
  summary: 'Leave out what waits for your answer; it stays in the space',
  done: 'Rejected',
  trustOwn: { summary: 'ask again, from now on, about what your own machines write', value: false },
  examples: ['satchel reject 3f9a12cd', 'satchel reject --all'],
});
