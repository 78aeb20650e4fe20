/** The instance of the demo's first vendor. */
export const DEMO_INSTANCE = '00000000-0000-4000-8000-000000000001'
