/** Something the configuration decided that an operator should know; logged once, at start. */
export interface Notice {
  readonly level: 'info' | 'warn'
  readonly code: NoticeCode
  /** Never holds a URL, user, password or token. */
  readonly message: string
}

export type NoticeCode =
  | 'STAY_REDIS_NOTICE_URL_WINS'
  | 'STAY_REDIS_NOTICE_NODES_WIN'
  | 'STAY_REDIS_NOTICE_HOST_MISSING'
  | 'STAY_REDIS_NOTICE_OTHER_URL'
  | 'STAY_REDIS_NOTICE_PARAMETER_IGNORED'
  | 'STAY_REDIS_NOTICE_ENVIRONMENT_IGNORED'
  | 'STAY_REDIS_NOTICE_TLS_UPGRADED'
  | 'STAY_REDIS_NOTICE_TLS_KEPT'
  | 'STAY_REDIS_NOTICE_TLS_UNEXPECTED'
  | 'STAY_REDIS_NOTICE_TLS_SETTINGS_UNUSED'
  | 'STAY_REDIS_NOTICE_VERIFICATION_OFF'
  | 'STAY_REDIS_NOTICE_CLUSTER_DETECTED'
  | 'STAY_REDIS_NOTICE_ROLES_SHARE_DATABASE'
  | 'STAY_REDIS_NOTICE_CLIENT_KEY_PREFIX'

export function notice(level: Notice['level'], code: NoticeCode, message: string): Notice {
  return Object.freeze({ level, code, message })
}
