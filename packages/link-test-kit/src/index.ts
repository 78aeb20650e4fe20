export { openLink, startLink } from './open-link.js'
export { openTopologyLink } from './open-topology-link.js'
