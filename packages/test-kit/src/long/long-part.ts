/** What a part may use. */
export interface LongContext {
  /** The workspace's folder. */
  root: string
  env: NodeJS.ProcessEnv
  /** A line of progress. */
  say: (line: string) => void
}

/** A step that failed, or a word on what was done. */
export interface LongResult {
  name: string
  passed: boolean
  /** What was measured, or why it failed. */
  summary: string
  seconds: number
}

/** Something that takes too long for every change. */
export interface LongPart {
  name: string
  about: string
  run: (context: LongContext) => Promise<LongResult[]>
}
