/** What all published packages have in common. */
export interface PublishRules {
  /** Where the sources are, as `repository.url` names it. */
  repositoryUrl: string
  license: string
  nodeRange: string
  fastifyRange: string
}

export const publishRules: PublishRules = Object.freeze({
  repositoryUrl: 'git+https://github.com/stayfast/stayfast.git',
  license: 'MIT',
  nodeRange: '>=20.19',
  fastifyRange: '^5.0.0',
} satisfies PublishRules)
