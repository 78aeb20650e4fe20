/** Of all demo users, in tests and pictures. */
export const DEMO_PASSWORD = 'the password of the demo'
