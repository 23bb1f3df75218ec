import { answerCommand } from './answer-pending.ts';

export const approveCommand = answerCommand({
  answer: 'approve',
  summary: 'Put in place what waits for your answer',
  done: 'Approved',
  trustOwn: { summary: 'also put in place, from now on and unasked, what your own machines write', value: true },
  notes:
    'With --trust-own nothing of your own machines waits any more: whoever takes over one of them can then run programs on this one. What others wrote still waits. satchel reject --trust-own takes it back.\n',
  examples: ['satchel approve 3f9a12cd', 'satchel approve --all', 'satchel approve --trust-own'],
});
