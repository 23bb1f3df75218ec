import { configureGlobal, readConfigureGlobal } from 'fast-check';

// The short run says the same each time; the long one looks for what nobody has thought of (vitest.long.config.ts).
configureGlobal({ ...readConfigureGlobal(), seed: 20_261_121 });
