import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { listenForStop, type StoppedProcess } from './stop-signals.ts';

class Fake extends EventEmitter implements StoppedProcess {
  readonly waiting: { readonly work: () => void; readonly milliseconds: number }[] = [];
  readonly said: string[] = [];
  exits = 0;
  exit(): void {
    this.exits += 1;
  }
  later(work: () => void, milliseconds: number): void {
    this.waiting.push({ work, milliseconds });
  }
  say(line: string): void {
    this.said.push(line);
  }
}

it('stops at the first signal, and ends the process once where something holds it', () => {
  const [process, stops] = [new Fake(), [] as string[]];
  listenForStop(process, () => stops.push('stop'));
  expect(process.waiting).toEqual([]);
  process.emit('SIGTERM');
  process.emit('SIGTERM');
  process.emit('SIGHUP');
  expect([stops.length, process.waiting.length, process.exits]).toEqual([2, 1, 0]);
  expect(process.waiting[0]?.milliseconds).toBeLessThan(90_000);
  process.waiting[0]?.work();
  expect([process.exits, process.said]).toEqual([1, [expect.stringContaining('does not end')]]);
});

it('leaves signals alone once the command is over', () => {
  const process = new Fake();
  const stopListening = listenForStop(process, () => undefined);
  stopListening();
  expect(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal))).toEqual([0, 0, 0]);
});
