/**
 * How often a property is tried: with `STAYFAST_LONG=1`, as `pnpm test:long` sets it, as often as it takes to
 * find what is rare, else as often as every change can wait for.
 */
export function longRuns({ short, long }: { short: number; long: number }): number {
  return process.env['STAYFAST_LONG'] === '1' ? long : short
}
