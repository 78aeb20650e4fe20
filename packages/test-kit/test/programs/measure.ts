// Measures a second by the clock and by a stopwatch, then a busy loop of half a second.
import { setTimeout as delay } from 'node:timers/promises'
import { startStopwatch } from '../../dist/index.js'

startStopwatch()
// The stopwatch's own thread starts.
await delay(300)
const startedMs = performance.now()
const elapsedMs = startStopwatch()
console.log('measuring')
while (performance.now() - startedMs < 1500) await delay(10)
console.log(`waited ${Math.round(performance.now() - startedMs)} ${Math.round(elapsedMs())}`)
const busyMs = startStopwatch()
const busyAt = performance.now()
while (performance.now() - busyAt < 500);
console.log(`busy ${Math.round(performance.now() - busyAt)} ${Math.round(busyMs())}`)
