export type { Algorithm } from './algorithms/limit.js'
