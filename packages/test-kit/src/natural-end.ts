/**
 * Ends the process the moment nothing is left to do, without node's own clean-up of its environment.
 * With sockets that were destroyed in mid-handshake that clean-up was seen to spin for ever on Node 20
 * (`Environment::CleanupHandles` waits for a request that is never called back).
 *
 * It hides no leak: `beforeExit` comes only when the event loop is empty, so a test that leaves a
 * timer or a socket open still hangs and is told.
 */
process.once('beforeExit', () => {
  process.exit()
})
