const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** Bytes for people, in powers of 1,000: `1.4 MB`. */
export function bytesToText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
