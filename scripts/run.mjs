import { spawn } from 'node:child_process';

/**
 * Runs a program with our terminal; resolves to its exit code (128 + n after signal n, as a shell has it). With
 * `stdout: 'stderr'` what it prints goes to our stderr, so that our stdout stays for answers.
 * `onStart` gets its process's number.
 */
export function run(command, args, { stdout = 'stdout', env = process.env, onStart = () => undefined } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['inherit', stdout === 'stderr' ? 2 : 1, 2], env });
    child.once('error', reject);
    const told = child.pid === undefined ? undefined : Promise.resolve(onStart(child.pid));
    told?.catch(reject);
    child.once('close', async (code, signal) => {
      await told?.catch(() => undefined); // rejected above
      resolve(signal === null ? code : exitCodeOfSignal(signal));
    });
  });
}

/** Runs a program silently; resolves to its exit code and everything it printed. */
export function capture(command, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code: signal === null ? code : exitCodeOfSignal(signal), output }));
  });
}

function exitCodeOfSignal(signal) {
  return 128 + ({ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1);
}
