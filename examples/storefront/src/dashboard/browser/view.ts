/** One of the views that the page switches between. */
export interface View {
  /** It is looked at now: loads what it has not, or what is out of date. */
  show(): Promise<void>
}
